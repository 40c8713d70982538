"""Answers bound to a grammar: always valid, whatever the temperature; forced tokens are not sampled."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import jsonschema
import pytest
from llguidance import LLMatcher

from lsrv.engine.engine import Engine
from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.sequence import Sequence
from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar, GrammarKind, Sampling
from tests.engine.conftest import GREEDY, LoadStories, make_sequence, run_all
from tests.engine.grammars import Grammars
from tests.engine.near_ties import assert_same_texts
from tests.schemas import CORPUS

HOT = Sampling(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=8)
PROMPT = "Once upon a time"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}},
    "required": ["name"],
    "additionalProperties": False,
}
FORMATS = jsonschema.FormatChecker(["date", "uuid", "ipv4", "ipv6"])


@FORMATS.checks("time")
def is_rfc3339_time(text: object) -> bool:
    """jsonschema's own check knows neither a small "z" nor more than six digits of a second."""
    form = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
    return re.fullmatch(form, str(text)) is not None


def exactly(text: str) -> object:
    """JSON with decimal numbers as they are written: 0.6 is a multiple of 0.1."""
    return json.loads(text, parse_float=Decimal)


@FORMATS.checks("date-time")
def is_rfc3339_date_time(text: object) -> bool:
    date, time = str(text)[:10], str(text)[11:]
    return FORMATS.conforms(date, "date") and str(text)[10] in "Tt " and is_rfc3339_time(time)


@pytest.fixture(scope="session")
def wide(load_stories: LoadStories) -> LoadedModel:
    return load_stories(n_ctx_seq=512, n_slots=16)


@pytest.fixture(scope="session")
def grammars(wide: LoadedModel) -> Grammars:
    return Grammars(wide.model.vocab)


def engine_of(loaded: LoadedModel) -> Engine:
    assert loaded.generation is not None
    return loaded.generation


def bound(
    loaded: LoadedModel,
    grammars: Grammars,
    kind: GrammarKind,
    source: str,
    *,
    request_id: int = 0,
    sampling: Sampling = HOT,
    n_max_tokens: int = 400,
    **options: object,
) -> Sequence:
    matcher = grammars.compile(Grammar(kind, source, "grammar"))
    constraint = Constraint(matcher, loaded.model.vocab)
    return make_sequence(
        loaded, request_id, PROMPT, sampling=sampling, n_max_tokens=n_max_tokens, constraint=constraint, **options
    )


def test_a_hundred_schemas_at_a_high_temperature_give_valid_documents_only(
    wide: LoadedModel, grammars: Grammars
) -> None:
    engine = engine_of(wide)
    assert len(CORPUS) >= 100
    schemas = list(CORPUS.values())
    sequences = [
        bound(wide, grammars, "json_schema", json.dumps(schema), request_id=i) for i, schema in enumerate(schemas)
    ]
    texts = run_all(engine, *sequences)
    for i, schema in enumerate(schemas):
        assert sequences[i].finish_reason == "stop", texts[i]
        jsonschema.validate(exactly(texts[i]), exactly(json.dumps(schema)), format_checker=FORMATS)


@pytest.mark.parametrize(
    ("kind", "source", "form"),
    [
        ("regex", "[a-c]{3}(x|yy)", r"[a-c]{3}(x|yy)"),
        ("regex", "^abc$", "abc"),
        ("lark", 'start: "a"+ NUMBER\nNUMBER: /[0-9]{2}/', r"a+[0-9]{2}"),
        ("gbnf", 'root ::= item{2} "!"\nitem ::= [0-4] | "é" | "\\u00fc"', r"([0-4]|é|ü){2}!"),
        ("gbnf", 'root ::= "(" root ")" | "x"', r"\(*x\)*"),
        ("llguidance", '{"grammars": [{"lark_grammar": "start: /[01]{4}/"}]}', r"[01]{4}"),
    ],
)
def test_every_kind_of_grammar_binds(
    wide: LoadedModel, grammars: Grammars, kind: GrammarKind, source: str, form: str
) -> None:
    sequences = [
        bound(wide, grammars, kind, source, request_id=i, sampling=Sampling(temperature=1.5, seed=i)) for i in range(4)
    ]
    texts = run_all(engine_of(wide), *sequences)
    for i in range(4):
        assert re.fullmatch(form, texts[i]) or sequences[i].finish_reason == "length", texts[i]
    assert any(sequence.finish_reason == "stop" for sequence in sequences)


@pytest.mark.parametrize(
    ("kind", "source", "reason"),
    [
        ("json_schema", '{"type": "object", "not": {"required": ["a"]}}', "at #/not: not can't be kept"),
        ("json_schema", '{"type": "array", "uniqueItems": true}', "uniqueItems"),
        ("json_schema", '{"properties": {"a": {"divisibleBy": 2}}}', "divisibleBy"),
        ("json_schema", '{"type": "string", "pattern": "a(?=b)"}', "at #/pattern: look-around"),
        ("json_schema", '{"$ref": "https://example.org/s.json"}', "example.org"),
        ("json_schema", '{"x-guidance": {"lenient": true}, "not": {"type": "null"}}', "not"),
        ("json_schema", '{"type": "object", "required": ["a"], "additionalProperties": false}', "unsatisfiable"),
        ("json_schema", '{"a": ' * 500 + "1" + "}" * 500, "ecursion"),
        ("json_schema", '{"$ref": "#"}', "no text is left"),
        ("json_schema", '{"properties": {"a": {"type": "string", "required": true}}}', "required"),
        ("json_schema", json.dumps({"properties": {f"p{i}": {} for i in range(481)}}), "481 properties"),
        ("regex", "(unclosed", "unclosed"),
        ("regex", "(" * 20_000, "can't be used"),
        ("lark", "start: nowhere", "nowhere"),
        ("gbnf", "start ::= [a-z]", "root"),
        ("gbnf", 'root ::= other "a"', "other"),
        ("gbnf", "root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000, "deep"),
        ("gbnf", "\n".join(f'r{i} ::= "a"' for i in range(2001)), "rules"),
        ("gbnf", 'root ::= "' + "a" * 70_000 + '"', "longer"),
        ("gbnf", "root ::= " + "[" * 60_000, "line 1, column 60010: expected ]"),
        ("gbnf", 'root ::= "a"\n  other ::= )', "line 2, column 13"),
        ("gbnf", 'root ::= "a"{3,2}', "fewer"),
        ("gbnf", "root ::= [z-a]", "range"),
        ("gbnf", 'root ::= "\\uD800"', "no character"),
        ("gbnf", "root ::= * [a]", "nothing to repeat"),
        ("gbnf", "root ::= root", "no text is left"),
        ("llguidance", "{", "can't be used"),
    ],
)
def test_what_can_not_be_kept_is_refused_with_its_reason(
    grammars: Grammars, kind: GrammarKind, source: str, reason: str
) -> None:
    with pytest.raises(GrammarError, match=re.escape(reason)) as caught:
        grammars.compile(Grammar(kind, source, "response_format"))
    assert caught.value.param == "response_format"
    assert len(caught.value.message) < 600


def test_a_property_may_be_called_like_an_old_keyword(grammars: Grammars) -> None:
    schema = '{"type": "object", "properties": {"extends": {"enum": ["disallow"]}}, "additionalProperties": false}'
    grammars.compile(Grammar("json_schema", schema, "response_format"))


def test_a_grammar_that_grows_with_every_character_ends_with_an_error_and_the_others_go_on(
    wide: LoadedModel, grammars: Grammars
) -> None:
    """Hundreds of optional parts: llama.cpp's own sampler needs minutes for one token of it."""
    hard = bound(wide, grammars, "gbnf", "root ::= " + " ".join(['("a" | "b")?'] * 800), request_id=1)
    other = make_sequence(wide, 2, PROMPT, n_max_tokens=20)
    alone = run_all(engine_of(wide), make_sequence(wide, 3, PROMPT, n_max_tokens=20))[3]
    texts = run_all(engine_of(wide), hard, other)
    assert_same_texts(wide, [PROMPT], [texts[2]], [alone])
    assert hard.error is not None or re.fullmatch("[ab]*", texts[1])


def test_forced_tokens_take_no_step_of_their_own(wide: LoadedModel, grammars: Grammars) -> None:
    engine = engine_of(wide)
    keys = [f"quite_a_long_property_name_{i}" for i in range(4)]
    schema = {"type": "object", "properties": {key: {"enum": [0, 1]} for key in keys}, "required": keys}
    sequence = bound(wide, grammars, "json_schema", json.dumps(schema | {"additionalProperties": False}))
    n_before = engine.counts.n_steps
    text = run_all(engine, sequence)[0]
    n_steps = engine.counts.n_steps - n_before
    assert list(json.loads(text)) == keys
    assert n_steps <= len(sequence.generated) / 4


def test_a_document_that_is_all_forced_is_still_written(wide: LoadedModel, grammars: Grammars) -> None:
    sequence = bound(wide, grammars, "json_schema", '{"const": {"a": [1, 2, 3]}}')
    assert run_all(engine_of(wide), sequence)[0] == '{"a": [1, 2, 3]}'
    assert sequence.finish_reason == "stop"


@pytest.mark.parametrize("n_max_tokens", range(1, 12))
def test_max_tokens_bounds_forced_tokens_too(wide: LoadedModel, grammars: Grammars, n_max_tokens: int) -> None:
    sequence = bound(wide, grammars, "json_schema", json.dumps(PERSON), n_max_tokens=n_max_tokens)
    text = run_all(engine_of(wide), sequence)[0]
    assert len(sequence.generated) <= n_max_tokens
    assert '{"name": "'.startswith(text[:10])


def test_a_stop_string_inside_of_forced_text_ends_the_answer(wide: LoadedModel, grammars: Grammars) -> None:
    sequence = bound(wide, grammars, "json_schema", json.dumps(PERSON), stops=["name"])
    assert run_all(engine_of(wide), sequence)[0] == '{"'
    assert sequence.finish_reason == "stop"


def test_logprobs_are_told_for_every_token(wide: LoadedModel, grammars: Grammars) -> None:
    sequence = bound(wide, grammars, "json_schema", json.dumps(PERSON), n_top_logprobs=1)
    engine_of(wide).submit(sequence)
    n_told = 0
    while engine_of(wide).has_work:
        n_told += sum(len(output.logprobs or []) for output in engine_of(wide).step())
    assert n_told == len(sequence.generated)


def test_a_constrained_answer_with_a_cached_prompt_is_the_same(wide: LoadedModel, grammars: Grammars) -> None:
    def text(n: int) -> str:
        return run_all(
            engine_of(wide),
            bound(wide, grammars, "json_schema", json.dumps(PERSON), sampling=GREEDY, request_id=n),
        )[n]

    engine_of(wide).fail_all()
    fresh = text(1)
    assert [text(2), text(3)] == [fresh, fresh]


def test_a_form_that_can_not_be_followed_from_its_start_fails_its_own_request_only(
    wide: LoadedModel, grammars: Grammars
) -> None:
    source = LLMatcher.grammar_from_json_schema('{"type": "string", "pattern": "^(a?){400}a{400}$"}')

    def failing(request_id: int) -> Sequence:
        constraint = Constraint(LLMatcher(grammars.trie, source, log_level=0), wide.model.vocab)
        return make_sequence(wide, request_id, PROMPT, constraint=constraint)

    sequence, beside = failing(1), make_sequence(wide, 2, PROMPT, n_max_tokens=5)
    texts = run_all(engine_of(wide), sequence, beside)
    assert texts[1] == "" and sequence.error is not None and "too many" in sequence.error.message
    assert len(beside.generated) == 5
    assert run_all(engine_of(wide), failing(3)) == {3: ""}, "alone it does the same"

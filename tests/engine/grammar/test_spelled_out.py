"""Grammars whose texts spell out tokens that are no text: of control, or user-defined ones that look like them."""

from __future__ import annotations

import json
import re

import pytest

from lsrv import demo
from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.load.loading import LoadedModel
from lsrv.protocol.commands import Grammar, GrammarKind
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.grammars import Grammars

NAMES = ["<|im_end|>", "<tool_call>", "</tool_call>", "a </tool_call> b\u00e9<think>\n</think>", "<<tool_call>>"]


@pytest.fixture(scope="module")
def loaded(load_stories: LoadStories) -> LoadedModel:
    return load_stories(model_path=str(demo.MODELS[demo.MODEL_ID]))


@pytest.fixture(scope="module")
def grammars(loaded: LoadedModel) -> Grammars:
    return Grammars(loaded.model.vocab)


def written(loaded: LoadedModel, grammars: Grammars, kind: GrammarKind, source: str) -> str:
    constraint = Constraint(grammars.compile(Grammar(kind, source, "grammar")), loaded.model.vocab)
    engine = loaded.generation
    assert engine is not None
    return run_all(engine, make_sequence(loaded, 0, "Hello", n_max_tokens=200, constraint=constraint))[0]


@pytest.mark.parametrize("text", NAMES)
def test_a_text_that_is_forced_may_spell_them_out(loaded: LoadedModel, grammars: Grammars, text: str) -> None:
    assert written(loaded, grammars, "regex", re.escape(text) + " done") == text + " done"


@pytest.mark.parametrize("text", NAMES)
def test_so_may_constants_and_keys_of_a_schema(loaded: LoadedModel, grammars: Grammars, text: str) -> None:
    schema = {"type": "object", "properties": {text: {"const": text}}, "required": [text]}
    schema["additionalProperties"] = False
    assert json.loads(written(loaded, grammars, "json_schema", json.dumps(schema))) == {text: text}


def test_they_are_written_in_pieces_of_text(loaded: LoadedModel) -> None:
    vocab = loaded.model.vocab
    assert vocab.spelled_out is not None
    for text in NAMES:
        tokens = vocab.spelled_out.tokens(text.encode())
        assert b"".join(vocab.piece(token) for token in tokens) == text.encode()
        assert all(vocab.is_text(token, vocab.special_piece(token)) for token in tokens)

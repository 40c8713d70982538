"""GBNF as llama.cpp means it, character by character: which texts its Lark form takes, and which it doesn't."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lsrv.engine.grammar.matcher
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.load.loading import LoadedModel
from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar
from tests.engine.conftest import LoadStories
from tests.engine.grammars import Grammars

JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"""  # grammars/json.gbnf of llama.cpp


@pytest.fixture(scope="module")
def loaded(load_stories: LoadStories) -> LoadedModel:
    return load_stories()


@pytest.fixture(scope="module")
def grammars(loaded: LoadedModel) -> Grammars:
    return Grammars(loaded.model.vocab)


def bytes_as_tokens(vocab: Vocab, text: str) -> list[int]:
    token_of = {vocab.piece(token): token for token in range(vocab.n_tokens)}
    return [token_of[bytes([byte])] for byte in text.encode()]


def takes(loaded: LoadedModel, grammars: Grammars, source: str, text: str) -> bool:
    """Whether `text` is a whole text of the grammar."""
    matcher = grammars.compile(Grammar("gbnf", source, "grammar"))
    tokens = bytes_as_tokens(loaded.model.vocab, text)
    if matcher.validate_tokens(tokens) < len(tokens):
        return False
    return matcher.consume_tokens(tokens) and matcher.is_accepting()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('root ::= a "b"\na ::= [a-z]+', "aab"),  # a rule gives back what the next one needs
        ("root ::= a a\na ::= [a-z]+", "ab"),
        ('root ::= ("if" | [a-z]+) " " "x"', "iff x"),
        ('root ::= "a" ([0-9]+)? "b"', "a12b"),  # a repetition of a repetition
        ('root ::= ("a"?)* "b"', "aaab"),
        ('root ::= (("a"{2}){2,3})+ "x"', "aaaaaax"),
        ('root ::= "a" .{2} "b"', "a\n\nb"),  # a dot is any character
        ('root ::= [&&~~"/^-]+', '&~^-/"'),  # no operators of classes
        ("root ::= [^]", "q"),
        ("root ::= [^a]", "\n"),
        ('root ::= "x"{0} "y"', "y"),
        ('root ::= ("a" | )+ "b"', "aab"),
        ('root ::= ""', ""),
        ('root ::= "é\\u00fc\\xfc" [à-ü\\U0001F600]', "éüü😀"),
        ('root ::= "\\x22\\x00\\n"', '"\x00\n'),
        ('root ::= start\nstart ::= "x" # a name that Lark has another use for', "x"),
        ('root ::= a-b a_b\na-b ::= "1"\na_b ::= "2"', "12"),
        ('root::="(" #(\n', "("),
        ('root ::= a\na ::= b\nb ::= a | "x"', "x"),
        ('root ::= e\ne ::= "(" e ")" | ""', "(())"),
        ('root ::= item\nitem ::= "<" item? ">" | [^<>]+', "<<ab>>"),
        (JSON, '{"a": 1, "b": [true, null,\n "x\\n"], "c": {}}'),
    ],
)
def test_a_text_of_the_grammar_is_taken(loaded: LoadedModel, grammars: Grammars, source: str, text: str) -> None:
    assert takes(loaded, grammars, source, text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('root ::= a "b"\na ::= [a-z]+', "b"),
        ('root ::= (("a"{2}){2,3})+ "x"', "aaaaax"),
        ('root ::= "a"{2,} "b"', "ab"),
        ("root ::= [^]", "qq"),
        ("root ::= [+--]", "."),
        ("root ::= [a-]", "b"),
        ('root ::= item\nitem ::= "<" item? ">" | [^<>]+', "<<ab>"),
        (JSON, '{"a": }'),
        (JSON, "[]"),
    ],
)
def test_any_other_text_is_not(loaded: LoadedModel, grammars: Grammars, source: str, text: str) -> None:
    assert not takes(loaded, grammars, source, text)


ATOMS = st.sampled_from([('"a"', "a"), ('"ab"', "ab"), ('"c"', "c"), ("[ab]", "[ab]"), ("[^a]", "[^a]")])
COUNTS = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{2,}"])
Form = tuple[str, str]  # in GBNF, and as a regular expression


def larger(parts: st.SearchStrategy[Form]) -> st.SearchStrategy[Form]:
    lists = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda part, count: (f"({part[0]}){count}", f"(?:{part[1]}){count}"), parts, COUNTS),
        lists.map(lambda series: (f"({' '.join(g for g, _ in series)})", "".join(f"(?:{r})" for _, r in series))),
        lists.map(lambda ways: (f"({' | '.join(g for g, _ in ways)})", "|".join(f"(?:{r})" for _, r in ways))),
    )


FORMS = st.recursive(ATOMS, larger, max_leaves=5)


@settings(deadline=None, max_examples=50)
@given(FORMS, FORMS, st.lists(st.text("abc", max_size=6), min_size=20, max_size=20))
def test_without_recursion_it_takes_what_the_regular_expression_takes(
    loaded: LoadedModel, grammars: Grammars, first: Form, second: Form, texts: list[str]
) -> None:
    source = f"root ::= {first[0]} rest\nrest ::= {second[0]}"
    form = re.compile(f"(?:{first[1]})(?:{second[1]})")
    assert [takes(loaded, grammars, source, text) for text in texts] == [bool(form.fullmatch(text)) for text in texts]


def test_rules_that_are_huge_written_out_stay_apart(grammars: Grammars) -> None:
    chain = "\n".join(f"r{i} ::= r{i + 1} r{i + 1}" for i in range(40))
    matcher = grammars.compile(Grammar("gbnf", f"root ::= r0\n{chain}\nr40 ::= [yz]", "grammar"))
    assert not matcher.is_error()


def test_a_grammar_that_is_slow_to_follow_is_refused(grammars: Grammars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsrv.engine.grammar.matcher, "_MAX_BEGIN_S", 0.0)
    with pytest.raises(GrammarError, match="too long"):
        grammars.compile(Grammar("gbnf", 'root ::= "slow"', "grammar"))

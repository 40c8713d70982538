"""What published templates write of calls is read back as the same calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv.chat.format.answer_format import AnswerFormat, CallFormat, NestedTagArguments
from lsrv.chat.format.call import JsonValue, ToolCall
from lsrv.chat.format.find import find_format
from lsrv.chat.format.write import write_calls
from tests.chat.format.prompter import prompter_of
from tests.chat.reading.formats import FORMATS
from tests.chat.reading.reading import read
from tests.chat.templates.published import PUBLISHED, published

HARD: dict[str, dict[str, JsonValue]] = {
    "nothing": {},
    "text": {"text": "Grüße 你好 🎉"},
    "quotes": {"text": "he said \"yes\" and 'no', and \\ stays \\n so"},
    "line breaks": {"text": "a\n\n  b\t", "more": ""},
    "looks like another": {"text": "7", "more": "true", "maybe": "7"},
    "numbers": {"count": 7, "share": 2.5, "is_on": True, "nothing": None, "maybe": None, "free": 1e-07},
    "nested": {"tree": {"texts": ["7", "null", ""], "b": {"c": [1, {"d": False}]}}, "items": [1, ["x"], {"y": 2}]},
    "empty inside": {"tree": {"empty": {}}, "items": []},
    "without a schema": {"free": {"k": [1, True]}, "unknown": "word", "other": [1]},
    "marks": {"text": '<tool_call> </parameter> [ARGS]{} <|im_end|> ``` <|"|> </arg_value>', "more": "</tool_call>"},
    "wrong types": {"count": "many", "tree": "none"},
}
EXCEPT: dict[type, set[str]] = {
    # A value that is empty says nothing of its type, nor does one that is in no schema.
    NestedTagArguments: {"without a schema"},
}


@cache
def form_of(name: str) -> AnswerFormat:
    source = published(name)
    return find_format(source, prompter_of(source).attempt)


def prompt_of(form: AnswerFormat) -> str:
    """What a prompt ends with for an answer that begins with a call."""
    if form.channels is not None:
        return form.channels.start
    return form.thoughts.closes if form.thoughts is not None else ""


def check(form: AnswerFormat, arguments: Mapping[str, JsonValue], before: str = "", behind: str = "") -> None:
    calls = [ToolCall("tool_a", dict(arguments)), ToolCall("tool-b.c", {"text": "w2"}), ToolCall("allocate", {})]
    assert form.calls is not None
    if not form.calls.allows_several:
        calls = calls[:1]
    text = "\n".join(filter(None, (before, write_calls(form, calls), behind)))
    found = read(form, text, prompt=prompt_of(form))
    assert found.values == [(call.name, call.arguments) for call in calls], text
    content = "\n\n".join(filter(None, (before, behind)))
    assert (found.content, found.reasoning, found.complaint) == (content, "", ""), text


@pytest.mark.parametrize("name", PUBLISHED)
def test_calls_are_read_back_as_the_template_writes_them(name: str) -> None:
    form = form_of(name)
    if form.calls is None:
        pytest.skip("a template that knows of no calls")
    for kind, arguments in HARD.items():
        if kind not in EXCEPT.get(type(form.calls.arguments), ()):
            check(form, arguments)


@pytest.mark.parametrize("name", PUBLISHED)
def test_text_before_and_after_the_calls_of_a_template_is_content(name: str) -> None:
    form = form_of(name)
    if form.calls is None or form.channels is not None:
        pytest.skip("a template that knows of no calls, or has them in channels")
    is_bare = form.calls.opens == "" and str(form.calls.parts[0]).startswith("{")
    check(form, {"text": "x"}, before="" if is_bare else "Let me see.", behind="" if is_bare else "Done.")


KEYS = st.text("abc_", min_size=1, max_size=5)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
TEXTS = st.text(max_size=30) | st.text("<>/|\"'{}[]=:, \n\\tool_caparmer", max_size=30)


@pytest.mark.parametrize("name", FORMATS)
@given(text=TEXTS, tree=st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
@settings(max_examples=60)
def test_any_values_are_read_back(name: str, text: str, tree: dict[str, JsonValue]) -> None:
    form = FORMATS[name]
    assert isinstance(form.calls, CallFormat)
    is_telling = not isinstance(form.calls.arguments, NestedTagArguments)
    check(form, {"text": text, "tree": tree} if is_telling else {"text": text})

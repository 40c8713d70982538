"""`expected.json` says of each published template how its model writes, checked by reading the templates.

Its `calls`: what opens all, «one call», what stands between two, …, what closes all. Without …, there is one at most.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from lsrv.chat.format.answer_format import AnswerFormat, CallFormat, Hole, Marks, PythonArguments, TaggedArguments
from lsrv.chat.format.find import find_format
from tests.chat.format.prompter import prompter_of
from tests.chat.templates.published import PUBLISHED, published

EXPECTED: dict[str, dict[str, object]] = json.loads((Path(__file__).parent / "expected.json").read_text("utf-8"))
CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
PROMPT = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def found(source: str) -> AnswerFormat:
    return find_format(source, prompter_of(source).attempt)


def found_in(name: str) -> AnswerFormat:
    return found(published(name))


def _shown(form: AnswerFormat) -> dict[str, object]:
    assert form.calls is not None
    told = {
        "calls": _pattern(form.calls),
        "arguments": str(msgspec.to_builtins(form.calls.arguments)["type"]),
        "thoughts": _pair(form.thoughts) if form.shows_thoughts else None,
        "text": _pair(form.text),
        "start": form.channels.start if form.channels is not None else None,
        "drops": [
            name for name, is_shown in (("tools", form.shows_tools), ("calls", form.shows_calls)) if not is_shown
        ],
    }
    return {name: value for name, value in told.items() if value}


def _pair(marks: Marks | None) -> list[str] | None:
    return None if marks is None else [marks.opens, marks.closes]


def _pattern(calls: CallFormat) -> str:
    one = "".join(f"{{{part.kind}}}" if isinstance(part, Hole) else part for part in calls.parts)
    return f"{calls.opens}«{one}»{calls.between}…{calls.closes}" if calls.allows_several else f"«{one}»"


def test_every_published_template_is_expected_to_be_something() -> None:
    assert sorted(EXPECTED) == PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_how_a_model_writes_is_found_in_its_template(name: str) -> None:
    assert _shown(found_in(name)) == EXPECTED[name]


def test_what_tells_the_type_of_a_value_is_found() -> None:
    calls = found_in("deepseek-ai-DeepSeek-V3.2").calls
    assert calls is not None and isinstance(calls.arguments, TaggedArguments)
    assert calls.arguments.after_key["string"] == '" string="true">'
    assert calls.arguments.after_key["object"] == '" string="false">'


@pytest.mark.parametrize(
    ("name", "is_python", "has_python_constants"),
    [("ByteDance-Seed-OSS", True, False), ("Qwen3-Coder", False, True), ("GLM-4.6", False, False)],
)
def test_values_that_python_writes_are_found(name: str, is_python: bool, has_python_constants: bool) -> None:
    calls = found_in(name).calls
    assert calls is not None and isinstance(calls.arguments, TaggedArguments)
    assert (calls.arguments.is_python, calls.arguments.has_python_constants) == (is_python, has_python_constants)


def test_what_guards_a_text_with_tags_is_found() -> None:
    calls = found_in("openbmb-MiniCPM5-1B").calls
    assert calls is not None and isinstance(calls.arguments, TaggedArguments)
    assert calls.arguments.guards == Marks("<![CDATA[", "]]>")


def test_what_an_answer_ends_with_is_no_part_of_it() -> None:
    assert found_in("Kimi-K3").end == "<|close|>message<|sep|>"


def test_calls_before_text_are_told() -> None:
    calls = found_in("google-gemma-4-31B-it-interleaved").calls
    assert calls is not None and calls.is_before_text


def test_thoughts_that_only_the_prompt_opens_are_found() -> None:
    opened = PROMPT.replace("assistant\n", "assistant\n<thought>\n")
    past = "{% if m.reasoning %}<thought>\n{{ m.reasoning }}\n</thought>\n{% endif %}{{ m.content }}"
    assert found(CHATML.replace("{{ m.content }}", past) + opened).thoughts == Marks("<thought>", "</thought>")


def test_a_template_without_tools_and_thoughts_gets_what_many_models_write() -> None:
    form = found(CHATML + PROMPT)
    assert form.thoughts == Marks("<think>", "</think>") and not form.shows_thoughts
    assert form.calls is not None and form.calls.parts[0] == '<tool_call>\n{"name": "'
    assert not form.shows_tools and not form.shows_calls


def test_a_template_that_refuses_everything_gets_the_same() -> None:
    form = found("{{ raise_exception('never') }}")
    assert form.calls is not None and not form.shows_calls


def test_python_calls_are_found_in_a_list() -> None:
    source = (
        CHATML.replace(
            "{{ m.content }}",
            "{{ m.content }}{% if m.tool_calls %}[{% for c in m.tool_calls %}{{ c.function.name }}("
            "{% for k, v in c.function.arguments.items() %}{{ k }}="
            '{{ ("\'" + v + "\'") if v is string else v }}{% if not loop.last %}, {% endif %}{% endfor %})'
            "{% if not loop.last %}, {% endif %}{% endfor %}]{% endif %}",
        )
        + PROMPT
    )
    calls = found(source).calls
    assert calls is not None and calls.arguments == PythonArguments()
    assert (calls.opens, calls.between, calls.closes) == ("[", ", ", "]")


def test_calls_that_nobody_could_read_are_asked_for_in_another_way() -> None:
    calls = (
        "{% for c in m.tool_calls or [] %}{{ c.function.name }} with {% for k, v in c.function.arguments.items() %}"
        "{{ k }} {{ v }} {% endfor %}{% endfor %}"
    )
    form = found("{{ tools | tojson }}" + CHATML.replace("{{ m.content }}", "{{ m.content }}" + calls) + PROMPT)
    assert form.calls is not None and form.calls.parts[0] == '<tool_call>\n{"name": "'
    assert not form.shows_tools and not form.shows_calls
    assert "not known here" in form.notes[0]


def test_a_template_that_asks_for_calls_in_words_is_left_to_it() -> None:
    words = '{{ tools | tojson }} Write <tool_call> with a JSON object of "name" and "arguments".'
    form = found(words + CHATML + PROMPT)
    assert form.shows_tools and not form.shows_calls and not form.notes

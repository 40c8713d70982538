"""What published templates need, and what chats become by it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from lsrv.chat.templates.chat import Chat, Message
from lsrv.chat.templates.needs import TemplateNeeds, sentences
from lsrv.chat.templates.prompt import CheckedPrompter
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import RequestError

PUBLISHED = sorted((Path(__file__).parent / "published").glob("*.jinja"))
TOOL: dict[str, object] = {"type": "function", "function": {"name": "look_up"}}
USER, RULE, LAW, MORE = "Why is the sky blue?", "Be brief.", "Be kind.", "And the sea?"
ID = "call_0123456789abcdef01234567"

each_template = pytest.mark.parametrize("path", PUBLISHED, ids=[path.stem for path in PUBLISHED])


def prompter(name: str) -> CheckedPrompter:
    return of(PUBLISHED[0].with_name(f"{name}.jinja"))


def of(path: Path) -> CheckedPrompter:
    return CheckedPrompter(ChatTemplate(path.read_text(), bos="<BOS>", eos="<EOS>"))


def user(text: str = USER) -> Message:
    return {"role": "user", "content": text}


def system(text: str = RULE) -> Message:
    return {"role": "system", "content": text}


def assistant(text: str = "Because of Rayleigh.") -> Message:
    return {"role": "assistant", "content": text}


def called(arguments: object, content: object = None) -> list[Message]:
    call = {"id": ID, "type": "function", "function": {"name": "look_up", "arguments": arguments}}
    return [
        user(),
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": ID, "content": "Rayleigh scattering"},
    ]


@each_template
@pytest.mark.parametrize(
    "messages",
    [
        [system(), user()],
        [system(), system(LAW), user()],
        [system(), user(), assistant(), system(LAW), user(MORE)],
        [user(), system(LAW)],
        [user(), user(MORE)],
        [{"role": "user", "content": [{"type": "text", "text": USER}, {"type": "text", "text": MORE}]}],
    ],
    ids=["system", "two systems", "later system", "system last", "two users", "parts"],
)
def test_nothing_that_is_said_is_lost_or_refused(path: Path, messages: list[Message]) -> None:
    text = of(path).prompt(Chat(messages, {}))
    said = [m["content"] if isinstance(m["content"], str) else m["content"][0]["text"] for m in messages]  # type: ignore[index]
    assert all(content in text for content in said if content != "Because of Rayleigh.")


@each_template
@pytest.mark.parametrize("content", [None, "", "I look it up."], ids=["null", "empty", "text"])
@pytest.mark.parametrize("write", [json.dumps, dict], ids=["text", "object"])
def test_calls_of_earlier_turns_are_told_however_a_client_writes_them(
    path: Path, write: Callable[[Any], object], content: object
) -> None:
    text = of(path).prompt(Chat(called(write({"topic": "sky, blue"}), content), {}, [TOOL]))
    assert "Rayleigh scattering" in text
    assert '\\"sky, blue' not in text


SHORT_ID_TEMPLATES = ["mistralai-Mistral-Nemo-Instruct-2407", "Mistral-Small-3.2-24B-Instruct-2506"]


@pytest.mark.parametrize("name", SHORT_ID_TEMPLATES)
def test_ids_become_nine_letters_and_digits_the_same_for_call_and_result(name: str) -> None:
    text = prompter(name).prompt(Chat(called("{}"), {}, [TOOL]))
    assert ID not in text
    found = re.search(r'(?:"id": "|\[CALL_ID\])([A-Za-z0-9]{9})\b', text)
    assert found is not None
    assert text.count(found[1]) == 2


def test_a_system_message_is_merged_into_the_next_users_where_none_is_taken() -> None:
    text = prompter("google-gemma-2-2b-it").prompt(Chat([system(), user(), assistant(), system(LAW), user(MORE)], {}))
    assert f"<start_of_turn>user\n{RULE}\n\n{USER}<end_of_turn>" in text
    assert f"<start_of_turn>user\n{LAW}\n\n{MORE}<end_of_turn>" in text


def test_system_messages_in_front_are_joined_only_where_one_alone_is_taken() -> None:
    chat = Chat([system(), system(LAW), user()], {})
    assert f"{RULE}\n\n{LAW}" in prompter("Qwen3.5-4B").prompt(chat)
    assert f"{RULE}\n\n{LAW}" not in prompter("Qwen-Qwen3-0.6B").prompt(chat)


def test_several_calls_stand_one_by_one_before_their_results_where_a_message_takes_one() -> None:
    calls = [{"id": i, "type": "function", "function": {"name": "f", "arguments": {"n": i}}} for i in ("a", "b")]
    results: list[Message] = [{"role": "tool", "tool_call_id": i, "content": f"is {i}"} for i in ("b", "a")]
    chat = Chat([user(), {"role": "assistant", "content": None, "tool_calls": calls}, *results, user(MORE)], {}, [TOOL])
    text = prompter("meta-llama-Llama-3.1-8B-Instruct").prompt(chat)
    places = [text.index(said) for said in ('{"n": "a"}', "is a", '{"n": "b"}', "is b", MORE)]
    assert places == sorted(places)


@each_template
@pytest.mark.parametrize("said", [{}, {"arguments": None}], ids=["missing", "null"])
def test_a_call_that_says_no_arguments_has_none(path: Path, said: dict[str, object]) -> None:
    messages = called("{}")
    calls = cast("list[dict[str, object]]", messages[1]["tool_calls"])
    expected = of(path).prompt(Chat(messages, {}))
    messages[1] = messages[1] | {"tool_calls": [call | {"function": {"name": "look_up"} | said} for call in calls]}
    assert of(path).prompt(Chat(messages, {})) == expected


def test_broken_arguments_are_refused_by_name_where_only_objects_are_taken() -> None:
    with pytest.raises(RequestError, match="is no JSON object") as raised:
        prompter("Qwen3-Coder").prompt(Chat(called('{"a": '), {}, [TOOL]))
    assert raised.value.param == "messages[1].tool_calls[0].function.arguments"


def test_results_get_the_name_of_their_tool_where_a_template_prints_it() -> None:
    source = (
        "{% for m in messages %}{{ m.content }}{% if m.role == 'tool' %}{{ '[' + m.name + ']' }}{% endif %}"
        "{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}{% endfor %}"
    )
    text = CheckedPrompter(ChatTemplate(source, bos="", eos="")).prompt(Chat(called("{}"), {}, [TOOL]))
    assert text.endswith("Rayleigh scattering[look_up]")


def test_content_in_parts_is_what_a_template_gets_that_reads_nothing_else() -> None:
    source = "{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}"
    template = ChatTemplate(source, bos="", eos="")
    assert CheckedPrompter(template).prompt(Chat([user("hi")], {})) == "hi"


def test_people_are_told_what_is_done_for_a_template() -> None:
    assert sentences(TemplateNeeds()) == []
    assert any("takes no system messages" in said for said in sentences(prompter("google-gemma-2-2b-it").needs))


def test_a_template_that_writes_without_measure_is_not_probed() -> None:
    template = ChatTemplate("{{ 'x' * 1000000 }}{{ messages[0].content }}", bos="", eos="")
    assert CheckedPrompter(template).needs == TemplateNeeds()


@each_template
def test_several_calls_and_results_are_all_told(path: Path) -> None:
    messages = several_called(None)
    text = of(path).prompt(Chat(messages, {}, [TOOL]))
    if "look_up" in of(path).prompt(Chat(called("{}"), {}, [TOOL])).partition(USER)[2]:
        assert all(each in text for each in ("Quxsky", "Quxsea", "Rayleigh scattering", "Plankton"))
        places = [text.index(each) for each in ("Quxsky", "Rayleigh scattering")]
        assert places == sorted(places)


def several_called(content: str | None) -> list[Message]:
    arguments = ({"about": "Quxsky"}, {"about": "Quxsea"})
    calls = [
        {"id": f"{ID}{at}", "type": "function", "function": {"name": "look_up", "arguments": json.dumps(each)}}
        for at, each in enumerate(arguments)
    ]
    results = ("Rayleigh scattering", "Plankton")
    return [
        user(),
        {"role": "assistant", "content": content, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": f"{ID}{at}", "content": each} for at, each in enumerate(results)),
    ]


def test_calls_go_one_by_one_where_a_message_holds_one() -> None:
    text = prompter("openai-gpt-oss-120b").prompt(Chat(several_called("I look it up."), {}, [TOOL]))
    places = [text.index(each) for each in ("I look it up.", "Quxsky", "Rayleigh", "Quxsea", "Plankton")]
    assert places == sorted(places)
    assert text.count("I look it up.") == 1


@pytest.mark.parametrize("name", ["google-gemma-4-31B-it", "Kimi-K3"])
@pytest.mark.parametrize("content", [None, "I look it up."])
def test_arguments_that_are_text_become_what_the_template_writes_of_objects(name: str, content: str | None) -> None:
    as_text, as_object = (
        prompter(name).prompt(Chat(called(write({"about": "sky"}), content), {}, [TOOL]))
        for write in (json.dumps, dict)
    )
    assert as_text == as_object


def test_parameters_without_a_description_get_one_where_a_template_needs_it() -> None:
    function = {"name": "look_up", "parameters": {"type": "object", "properties": {"about": {"type": "string"}}}}
    tool: dict[str, object] = {"type": "function", "function": function}
    text = prompter("CohereForAI-c4ai-command-r-plus-tool_use").prompt(Chat([user()], {}, [tool]))
    assert "look_up" in text

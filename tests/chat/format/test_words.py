from __future__ import annotations

import pytest

from lsrv.chat.format.find import find_format
from lsrv.chat.format.words import in_words
from lsrv.chat.templates.chat import Chat, Message
from lsrv.errors import RequestError
from tests.chat.format.prompter import prompter_of
from tests.chat.templates.published import PUBLISHED, published

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "any", "parameters": {}}}


def called(arguments: object) -> Message:
    call = {"id": "abcdef017", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    return {"role": "assistant", "content": "Let me see.", "tool_calls": [call]}


def prompt(name: str, messages: list[Message]) -> str:
    prompter = prompter_of(published(name))
    form = find_format(published(name), prompter.attempt)
    return prompter.prompt(in_words(Chat(messages, {}, [WEATHER]), form))


ASKED: Message = {"role": "user", "content": "Is it sunny in Rome?"}
RESULT: Message = {"role": "tool", "tool_call_id": "abcdef017", "name": "get_weather", "content": "sunny"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_template_shows_tools_calls_and_results_to_its_model(name: str) -> None:
    written = prompt(name, [ASKED, called('{"city": "Rome"}'), RESULT])
    before, _, behind = written.partition("Is it sunny in Rome?")
    assert "get_weather" in before or "get_weather" in behind.rpartition("sunny")[2]
    assert "get_weather" in behind and "Rome" in behind and "sunny" in behind


def test_tools_are_described_with_an_example_in_the_models_own_way() -> None:
    written = prompt("deepseek-ai-DeepSeek-V3.1", [ASKED])
    assert '<tools>\n{"type": "function", "function": {"name": "get_weather"' in written
    assert 'function-name<｜tool▁sep｜>{"argument-name": "value"}<｜tool▁call▁end｜>' in written  # noqa: RUF001 - theirs


def test_calls_of_earlier_turns_are_the_end_of_their_message() -> None:
    written = prompt("LFM2-8B-A1B", [ASKED, called({"city": "Rome"}), RESULT])
    assert "Let me see.\n<|tool_call_start|>[get_weather(city='Rome')]<|tool_call_end|>" in written


def test_arguments_that_are_no_object_are_refused_by_place() -> None:
    with pytest.raises(RequestError, match=r"messages\[1\].tool_calls\[0\].function.arguments"):
        prompt("LFM2-8B-A1B", [ASKED, called("[1]"), RESULT])


def test_a_chat_that_its_template_shows_stays_as_it_is() -> None:
    form = find_format(published("Qwen3-Coder"), prompter_of(published("Qwen3-Coder")).attempt)
    chat = Chat([ASKED, called("{}")], {}, [WEATHER])
    assert in_words(chat, form) == chat

"""Anthropic's own client for Python, unmodified, in the extra [test]. Without it these tests are skipped."""

from typing import Any, Literal

import pytest

from tests.conftest import TINY, RunningServer

anthropic = pytest.importorskip("anthropic")

MESSAGES = [{"role": "user", "content": "Once upon a time"}]
ASKED: dict[str, Any] = {
    "model": TINY,
    "max_tokens": 8,
    "messages": MESSAGES,
    "extra_body": {"temperature": 0},
}
WEATHER = {
    "name": "weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"enum": ["Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
CALLING: dict[str, Any] = ASKED | {
    "max_tokens": 80,
    "tools": [WEATHER],
    "tool_choice": {"type": "tool", "name": "weather"},
}


@pytest.fixture
def theirs(server: RunningServer) -> Any:
    return anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)


def test_a_stream_says_what_a_whole_answer_says(theirs: Any) -> None:
    whole = theirs.messages.create(**ASKED)
    with theirs.messages.stream(**ASKED) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert text == last.content[0].text == whole.content[0].text
    assert (whole.stop_reason, last.stop_reason, last.usage.output_tokens) == ("max_tokens", "max_tokens", 8)
    assert whole._request_id


def test_calls_come_whole_and_in_pieces(theirs: Any) -> None:
    with theirs.messages.stream(**CALLING) as stream:
        (streamed,) = stream.get_final_message().content
    (whole,) = theirs.messages.create(**CALLING).content
    assert (streamed.name, streamed.input) == (whole.name, whole.input) == ("weather", {"city": "Rome"})


def test_its_runner_calls_functions_and_sends_what_they_say(theirs: Any) -> None:
    @anthropic.beta_tool
    def weather(city: Literal["Rome"]) -> str:
        """Tells the weather."""
        return f"sun in {city}"

    runner = theirs.beta.messages.tool_runner(
        model=TINY,
        max_tokens=60,
        messages=MESSAGES,
        tools=[weather],
        tool_choice={"type": "tool", "name": "weather"},
        max_iterations=2,
        extra_body={"temperature": 0},
    )
    first, second = runner
    assert (first.content[0].type, first.content[0].input) == ("tool_use", {"city": "Rome"})
    assert second.usage.input_tokens + second.usage.cache_read_input_tokens > first.usage.output_tokens


def test_tokens_are_counted_and_models_listed(theirs: Any) -> None:
    counted = theirs.messages.count_tokens(model=TINY, messages=MESSAGES).input_tokens
    usage = theirs.messages.create(**ASKED).usage
    assert counted == usage.input_tokens + usage.cache_read_input_tokens
    assert TINY in [model.id for model in theirs.models.list(limit=1)]


def test_errors_are_its_own_classes(theirs: Any) -> None:
    with pytest.raises(anthropic.NotFoundError):
        theirs.messages.create(**ASKED | {"model": "nope"})
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: "):
        theirs.messages.create(**ASKED | {"messages": MESSAGES * 500})

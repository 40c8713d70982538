"""OpenAI's Responses API of a running server: the same text as chats have, tools of the demo, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.conftest import TINY, RunningServer

GREEDY = {"model": TINY, "temperature": 0, "max_output_tokens": 12, "store": False}
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}


@pytest.fixture(scope="module")
def demo() -> Iterator[openai.OpenAI]:
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": [{"model_id": "lsrv-demo"}]}, {})
    yield openai.OpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0)
    running.stop()


def events(server: RunningServer, **body: Any) -> list[Any]:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)
    return list(client.responses.create(**(GREEDY | {"input": "Once upon a time", "stream": True} | body)))


def test_the_same_question_has_the_same_answer_as_a_chat(server: RunningServer) -> None:
    asked = {"model": TINY, "messages": "Once upon a time", "temperature": 0, "max_tokens": 12}
    chat = server.http.post("/v1/chat/completions", json=asked).json()
    whole = server.http.post("/v1/responses", json=GREEDY | {"input": "Once upon a time"}).json()
    streamed = events(server)
    text = chat["choices"][0]["message"]["content"]
    assert whole["output"][0]["content"][0]["text"] == text
    assert "".join(event.delta for event in streamed if event.type == "response.output_text.delta") == text
    assert whole["usage"]["total_tokens"] == chat["usage"]["total_tokens"]
    assert streamed[-1].response.usage.output_tokens == chat["usage"]["completion_tokens"]


def test_a_call_goes_out_and_its_result_comes_back(demo: openai.OpenAI) -> None:
    question: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = demo.responses.create(model="default", input=question, tools=[WEATHER], temperature=0, store=False)
    (call,) = first.output
    assert call.type == "function_call" and call.name == "get_weather"
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": '{"temperature": 21}'}
    turn: Any = [*question, call, result]
    second = demo.responses.create(model="default", input=turn, tools=[WEATHER], temperature=0, store=False)
    assert "21" in second.output_text


def test_a_stream_of_a_call_is_put_together_by_the_client(demo: openai.OpenAI) -> None:
    asked: Any = {"model": "default", "input": "Weather in Paris?", "tools": [WEATHER], "tool_choice": "required"}
    with demo.responses.stream(**asked, temperature=0, store=False) as stream:
        names = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.function_call_arguments.delta" in names
    assert '"city"' in final.output[0].arguments  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]


class Answer(BaseModel):
    yes: bool


def test_a_parsed_answer_is_what_its_schema_says(demo: openai.OpenAI) -> None:
    parsed = demo.responses.parse(model="default", input="Is water wet?", text_format=Answer, store=False)
    assert isinstance(parsed.output_parsed, Answer)


def test_codex_is_answered_whatever_tools_it_brings(demo: openai.OpenAI) -> None:
    asked: Any = {
        "model": "default",
        "instructions": "You are a coding agent.",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Sandboxed."}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello."}]},
        ],
        "tools": [
            WEATHER | {"name": "shell", "strict": False},
            {"type": "local_shell"},
            {"type": "web_search", "external_web_access": False},
            {
                "type": "custom",
                "name": "apply_patch",
                "format": {"type": "grammar", "syntax": "lark", "definition": "a"},
            },
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0193",
        "extra_body": {"client_metadata": {"x-codex-installation-id": "1"}},
        "max_output_tokens": 40,
    }
    last = list(demo.responses.create(**asked))[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.usage is not None and last.response.usage.output_tokens > 0
    assert len(last.response.warnings) == 3


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"input": 7}', '{"input": [7]}', '{"input": [[]]}', '{"tools": {}}', '""']
)
def test_a_malformed_body_is_a_400(server: RunningServer, body: str) -> None:
    answer = server.http.post("/v1/responses", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_tokens_are_counted_as_an_answer_counts_them(server: RunningServer) -> None:
    asked = {"model": TINY, "input": "Once upon a time", "instructions": "Tell."}
    counted = server.http.post("/v1/responses/input_tokens", json=asked).json()
    answered = server.http.post("/v1/responses", json=GREEDY | asked).json()
    assert counted == {"object": "response.input_tokens", "input_tokens": answered["usage"]["input_tokens"]}


def test_what_only_openai_keeps_is_refused_by_name(server: RunningServer) -> None:
    answer = server.http.post("/v1/responses", json=GREEDY | {"input": "a", "prompt": {"id": "x"}})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")

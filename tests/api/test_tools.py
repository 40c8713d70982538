"""Tools with the built-in demo, as clients use them: its own evaluation, the page about tools, OpenAI's runner."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import ROOT, TINY, RunningServer

PAGE = ROOT / "docs/tools.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
TIME: Any = {"type": "function", "function": {"name": "get_time", "parameters": PARAMETERS}}
PARIS: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningServer]:
    """The demo as it is shipped, and in another quantization one that keeps answers."""
    kept = {"alias": ["kept"], "quantization": {"quant": "8"}, "response_cache": True}
    models = [{"model_id": "lsrv-demo"} | rest for rest in ({"alias": ["demo"]}, kept)]
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": models}, {})
    yield running
    running.stop()


@pytest.fixture
def client(demo: RunningServer) -> openai.OpenAI:
    return demo.openai()


def create(client: openai.OpenAI, **options: Any) -> Any:
    asked: dict[str, Any] = {
        "model": "demo",
        "messages": PARIS,
        "tools": [WEATHER],
        "temperature": 0,
        "max_tokens": 128,
    }
    return client.chat.completions.create(**(asked | options))


def calls_of(answer: Any) -> list[tuple[str, Any]]:
    calls = answer.choices[0].message.tool_calls or []
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


def _pieces(chunk: Any) -> list[Any]:
    return [piece for choice in chunk.choices for piece in choice.delta.tool_calls or []]


def test_the_demo_calls_tools_as_well_as_by_bare_prompts(demo: RunningServer) -> None:
    """A ninth of its evaluation; `python packaging/demo/ask_tools.py` asks all 300. By prompts 93 % are right."""
    command = [sys.executable, "packaging/demo/ask_tools.py", "--url", f"{demo.url}/v1", "--one-in", "9"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout
    n_right = re.search(r"^(\d+) of 34 right", told, re.MULTILINE)
    assert n_right is not None and int(n_right[1]) >= 31, told


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["whole", "stream"])
def test_what_the_page_about_tools_shows_runs(demo: RunningServer, snippet: str, tmp_path: Path) -> None:
    script = tmp_path / "snippet.py"
    script.write_text(snippet.replace("http://127.0.0.1:1234", demo.url))
    told = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True, timeout=120).stdout
    assert "21" in told or "Paris" in told


def test_a_call_has_what_clients_read(client: openai.OpenAI) -> None:
    (choice,) = create(client).choices
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert (call.type, call.function.name, json.loads(call.function.arguments)) == (
        "function",
        "get_weather",
        {"city": "Paris"},
    )
    assert call.id


def test_a_stream_brings_the_call_of_the_whole_answer(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="demo", messages=PARIS, tools=[WEATHER], temperature=0) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
    final = stream.get_final_completion()
    assert calls_of(final) == calls_of(create(client)) == [("get_weather", {"city": "Paris"})]
    pieces = [piece for chunk in chunks for piece in _pieces(chunk)]
    assert [piece.function.name for piece in pieces if piece.function] == ["get_weather", *[None] * (len(pieces) - 1)]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["tool_calls"]


def test_a_choice_forces_hides_or_narrows(client: openai.OpenAI) -> None:
    both = [WEATHER, TIME]
    named = {"type": "function", "function": {"name": "get_time"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    assert [name for name, _ in calls_of(create(client, tools=both, tool_choice=named))] == ["get_time"]
    assert {name for name, _ in calls_of(create(client, tools=both, tool_choice=allowed))} == {"get_time"}
    hello: list[Any] = [{"role": "user", "content": "Hello!"}]
    assert calls_of(create(client, messages=hello, tool_choice="required"))
    none = create(client, tool_choice="none")
    assert not none.choices[0].message.tool_calls and none.choices[0].message.content


def test_several_calls_come_unless_one_is_all_that_is_wanted(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    cities = [arguments["city"] for _, arguments in calls_of(create(client, messages=messages))]
    assert cities == ["Paris", "Rome"]
    assert len(calls_of(create(client, messages=messages, parallel_tool_calls=False))) == 1


def test_functions_are_answered_in_their_own_words(demo: RunningServer) -> None:
    body: dict[str, Any] = {"messages": PARIS, "functions": [WEATHER["function"]], "temperature": 0}
    (choice,) = demo.http.post("/v1/chat/completions", json=body).json()["choices"]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"]["name"] == "get_weather"
    history = [*PARIS, choice["message"], {"role": "function", "name": "get_weather", "content": "21 degrees, sunny"}]
    again = demo.http.post("/v1/chat/completions", json=body | {"messages": history}).json()
    assert "21" in again["choices"][0]["message"]["content"]


def test_each_choice_has_calls_of_its_own(client: openai.OpenAI) -> None:
    choices = create(client, n=2, temperature=0.5).choices
    ids = [call.id for choice in choices for call in choice.message.tool_calls or []]
    assert len(ids) == len(set(ids)) >= 2


def test_log_probabilities_and_a_form_stand_beside_tools(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    answer = create(client, response_format=form, logprobs=True)
    assert calls_of(answer) == [("get_weather", {"city": "Paris"})]
    assert answer.choices[0].logprobs.content
    said = create(client, messages=[{"role": "user", "content": "Hello!"}], response_format=form)
    assert calls_of(said) or "a" in json.loads(said.choices[0].message.content)


def test_arguments_may_spell_out_what_calls_are_told_by(client: openai.OpenAI) -> None:
    text = 'a "</tool_call>" <|im_end|><tool_call>'
    parameters = {"type": "object", "properties": {text: {"const": text}}, "required": [text]}
    tool = {"type": "function", "function": {"name": "note", "parameters": parameters}}
    assert calls_of(create(client, tools=[tool], tool_choice="required")) == [("note", {text: text})]


def test_a_schema_as_other_programs_write_it_is_taken(client: openai.OpenAI) -> None:
    said = {
        "city": {"type": "string", "format": "city-name", "maxLength": 20},
        "tags": {"type": "object", "propertyNames": {"type": "string"}, "maxProperties": 0},
    }
    parameters = {"type": "object", "properties": said, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
    ((_, arguments),) = calls_of(create(client, tools=[tool], tool_choice="required"))
    assert {"city"} <= arguments.keys() <= {"city", "tags"}


def test_a_kept_answer_has_the_calls_of_the_first_one(client: openai.OpenAI) -> None:
    first, again = (create(client, model="kept") for _ in range(2))
    assert again.cached and calls_of(first)
    assert again.choices[0].message.tool_calls == first.choices[0].message.tool_calls
    pieces = [piece for chunk in create(client, model="kept", stream=True) for piece in _pieces(chunk)]
    assert pieces[0].id == first.choices[0].message.tool_calls[0].id
    assert not hasattr(create(client, model="kept", tools=[WEATHER, TIME]), "cached")


def test_a_model_whose_template_shows_tools_says_so_once_it_is_loaded(
    demo: RunningServer, server: RunningServer
) -> None:
    create(demo.openai(), max_tokens=1)
    server.http.post("/v1/models/load", json={"model": TINY})
    found = [running.http.get(f"/v1/models/{name}").json() for running, name in ((demo, "demo"), (server, TINY))]
    assert [each["tools_available"] for each in found] == ["tools" in each["capabilities"] for each in found]
    assert [each["tools_available"] for each in found] == [True, False]


@pytest.mark.parametrize("n_tokens", [1, 4, 12, 16])
def test_a_call_that_max_tokens_cuts_off_ends_with_length(client: openai.OpenAI, n_tokens: int) -> None:
    (choice,) = create(client, max_tokens=n_tokens).choices
    assert choice.finish_reason == "length"
    for call in choice.message.tool_calls or []:
        assert call.function.name == "get_weather"
        assert '{"city": "Paris"}'.startswith(call.function.arguments)


def test_apply_template_takes_what_a_chat_takes(demo: RunningServer) -> None:
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Well"}]
    body = {"messages": messages, "tools": [WEATHER], "continue_final_message": True, "max_tokens": 1, "temperature": 0}
    prompt = demo.http.post("/apply-template", json=body).json()["prompt"]
    usage = demo.http.post("/v1/chat/completions", json=body).json()["usage"]
    assert "get_weather" in prompt
    assert prompt.endswith("Well")
    assert len(demo.http.post("/tokenize", json={"content": prompt}).json()["tokens"]) == usage["prompt_tokens"]
    closed = {"messages": messages, "add_generation_prompt": False, "continue_final_message": False}
    assert not demo.http.post("/apply-template", json=closed).json()["prompt"].endswith("Well")

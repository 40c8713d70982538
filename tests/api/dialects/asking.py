"""One question in the words of every dialect, and what came back in words of none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx

from tests.api.reference.described import assert_described

MAX_TOKENS = 24
PARAMETERS: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
Body = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """`prompt` is what the chat becomes, for dialects that continue texts."""

    text: str
    prompt: str = ""
    thinks: bool = False
    has_tool: bool = False


@dataclass(frozen=True)
class Heard:
    """An answer, however it was told. `calls`: names and arguments; `usage`: tokens of prompt and answer."""

    text: str = ""
    thoughts: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    usage: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Speech:
    """How one dialect asks, and how its whole answers and its streams are heard. `can`: "chat", "thinks", "calls"."""

    name: str
    path: str
    body: Callable[[Question], Body]
    hear: Callable[[Any], Heard]
    hear_stream: Callable[[list[Any]], Heard]
    can: frozenset[str] = frozenset()
    headers: tuple[tuple[str, str], ...] = ()

    def ask(self, http: httpx.Client, model: str, question: Question, *, stream: bool) -> Heard:
        """Fails unless the answer is one, as the reference describes it."""
        answer = self.send(http, model, question, stream=stream)
        assert answer.status_code == 200, answer.text
        told = events(answer.text) if stream else [answer.json()]
        for each in told:
            assert_described("POST", self.path, each, is_event=stream)
        return self.hear_stream(told) if stream else self.hear(told[0])

    def send(self, http: httpx.Client, model: str, question: Question, **fields: Any) -> httpx.Response:
        body = {"model": model} | self.body(question) | fields
        return http.post(self.path, json=body, headers=dict(self.headers))


def events(text: str) -> list[Any]:
    """Lines of JSON, or what stands behind `data:`; `[DONE]` is left out."""
    lines = [line.removeprefix("data: ") for line in text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def _function(name: str = "get_weather") -> Body:
    return {"name": name, "description": "Weather of a city", "parameters": PARAMETERS}


def _called(name: str, arguments: str) -> tuple[str, Any]:
    return name, json.loads(arguments)


# -- OpenAI --------------------------------------------------------------------------------------------


def _chat_body(question: Question) -> Body:
    body: Body = {"messages": [{"role": "user", "content": question.text}], "temperature": 0}
    body |= {"max_tokens": MAX_TOKENS, "stream_options": {"include_usage": True}}
    body |= {"reasoning_effort": "high"} if question.thinks else {}
    return body | ({"tools": [{"type": "function", "function": _function()}]} if question.has_tool else {})


def _openai_usage(usage: Body) -> tuple[int, int]:
    return usage["prompt_tokens"], usage["completion_tokens"]


def _hear_chat(answer: Any) -> Heard:
    said = answer["choices"][0]["message"]
    calls = [call["function"] for call in said.get("tool_calls") or []]
    named = tuple(_called(call["name"], call["arguments"]) for call in calls)
    return Heard(said["content"] or "", said.get("reasoning_content") or "", named, _openai_usage(answer["usage"]))


def _hear_chunks(chunks: list[Any]) -> Heard:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    pieces = [piece["function"] for delta in deltas for piece in delta.get("tool_calls") or []]
    name = "".join(piece.get("name", "") for piece in pieces)
    arguments = "".join(piece.get("arguments", "") for piece in pieces)
    return Heard(
        "".join(delta.get("content") or "" for delta in deltas),
        "".join(delta.get("reasoning_content") or "" for delta in deltas),
        (_called(name, arguments),) if name else (),
        _openai_usage(chunks[-1]["usage"]),
    )


def _completion_body(question: Question) -> Body:
    body: Body = {"prompt": question.prompt, "temperature": 0, "max_tokens": MAX_TOKENS}
    return body | {"stream_options": {"include_usage": True}}


def _hear_completion(answer: Any) -> Heard:
    return Heard(answer["choices"][0]["text"], usage=_openai_usage(answer["usage"]))


def _hear_completion_chunks(chunks: list[Any]) -> Heard:
    text = "".join(choice["text"] for chunk in chunks for choice in chunk["choices"])
    return Heard(text, usage=_openai_usage(chunks[-1]["usage"]))


# -- Responses -----------------------------------------------------------------------------------------


def _responses_body(question: Question) -> Body:
    body: Body = {"input": question.text, "temperature": 0, "max_output_tokens": MAX_TOKENS, "store": False}
    body |= {"reasoning": {"effort": "high"}} if question.thinks else {}
    return body | ({"tools": [{"type": "function"} | _function()]} if question.has_tool else {})


def _hear_response(response: Any) -> Heard:
    output = response["output"]
    parts = [part for item in output if item["type"] in ("message", "reasoning") for part in item["content"]]
    texts = {kind: "".join(part["text"] for part in parts if part["type"] == kind) for kind in _TEXT_PARTS}
    calls = [item for item in output if item["type"] == "function_call"]
    named = tuple(_called(call["name"], call["arguments"]) for call in calls)
    usage = response["usage"]
    return Heard(*(texts[kind] for kind in _TEXT_PARTS), named, (usage["input_tokens"], usage["output_tokens"]))


_TEXT_PARTS = ("output_text", "reasoning_text")


def _hear_response_events(events: list[Any]) -> Heard:
    """The last event has all of it; the pieces must say the same."""
    heard = _hear_response(events[-1]["response"])
    said = {kind: "".join(e["delta"] for e in events if e["type"] == f"response.{kind}.delta") for kind in _TEXT_PARTS}
    assert (heard.text, heard.thoughts) == tuple(said.values())
    return heard


# -- Anthropic -----------------------------------------------------------------------------------------


def _messages_body(question: Question) -> Body:
    body: Body = {"messages": [{"role": "user", "content": question.text}], "temperature": 0, "max_tokens": MAX_TOKENS}
    body |= {"thinking": {"type": "enabled", "budget_tokens": 1024}} if question.thinks else {}
    tool = {"name": "get_weather", "description": "Weather of a city", "input_schema": PARAMETERS}
    return body | ({"tools": [tool]} if question.has_tool else {})


def _hear_message(message: Any) -> Heard:
    blocks = message["content"]
    texts = ["".join(block[kind] for block in blocks if block["type"] == kind) for kind in ("text", "thinking")]
    calls = tuple((block["name"], block["input"]) for block in blocks if block["type"] == "tool_use")
    return Heard(*texts, calls, _anthropic_usage(message["usage"]))


def _anthropic_usage(usage: Body) -> tuple[int, int]:
    """What was in the cache is told apart there, and the rest is the prompt."""
    cached = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    return usage["input_tokens"] + cached, usage["output_tokens"]


def _hear_message_events(events: list[Any]) -> Heard:
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    blocks = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    text, thoughts, arguments = (
        "".join(delta.get(key, "") for delta in deltas) for key in ("text", "thinking", "partial_json")
    )
    names = [block["name"] for block in blocks if block["type"] == "tool_use"]
    usages = [event["usage"] for event in events if event["type"] == "message_delta"]
    return Heard(text, thoughts, tuple(_called(name, arguments) for name in names), _anthropic_usage(usages[-1]))


# -- Ollama --------------------------------------------------------------------------------------------

_OPTIONS = {"temperature": 0, "num_predict": MAX_TOKENS}


def _ollama_chat_body(question: Question) -> Body:
    body: Body = {"messages": [{"role": "user", "content": question.text}], "options": _OPTIONS}
    body |= {"think": True} if question.thinks else {}
    return body | ({"tools": [{"type": "function", "function": _function()}]} if question.has_tool else {})


def _ollama_prompt_body(question: Question) -> Body:
    body: Body = {"prompt": question.text, "options": _OPTIONS}
    return body | ({"think": True} if question.thinks else {})


def _ollama_raw_body(question: Question) -> Body:
    return {"prompt": question.prompt, "raw": True, "options": _OPTIONS}


def _hear_lines(lines: list[Any]) -> Heard:
    said = [line.get("message", line) for line in lines]
    calls = [call["function"] for each in said for call in each.get("tool_calls", [])]
    last = lines[-1]
    return Heard(
        "".join(each.get("content", each.get("response", "")) for each in said),
        "".join(each.get("thinking", "") for each in said),
        tuple((call["name"], call["arguments"]) for call in calls),
        (last["prompt_eval_count"], last["eval_count"]),
    )


def _hear_line(line: Any) -> Heard:
    return _hear_lines([line])


# -- llama-server --------------------------------------------------------------------------------------


def _llama_body(question: Question) -> Body:
    return {"prompt": question.prompt, "temperature": 0, "n_predict": MAX_TOKENS}


def _hear_llama_chunks(chunks: list[Any]) -> Heard:
    last = chunks[-1]
    text = "".join(chunk["content"] for chunk in chunks)
    return Heard(text, usage=(last["tokens_evaluated"], last["tokens_predicted"]))


def _hear_llama(answer: Any) -> Heard:
    return _hear_llama_chunks([answer])


_ALL = frozenset({"chat", "thinks", "calls"})
CHAT = Speech("chat", "/v1/chat/completions", _chat_body, _hear_chat, _hear_chunks, _ALL)
SPEECHES = (
    CHAT,
    Speech("completions", "/v1/completions", _completion_body, _hear_completion, _hear_completion_chunks),
    Speech("responses", "/v1/responses", _responses_body, _hear_response, _hear_response_events, _ALL),
    Speech(
        "messages",
        "/v1/messages",
        _messages_body,
        _hear_message,
        _hear_message_events,
        _ALL,
        (("anthropic-version", "2023-06-01"),),
    ),
    Speech("ollama chat", "/api/chat", _ollama_chat_body, _hear_line, _hear_lines, _ALL),
    Speech("ollama generate", "/api/generate", _ollama_prompt_body, _hear_line, _hear_lines, _ALL - {"calls"}),
    Speech("ollama raw", "/api/generate", _ollama_raw_body, _hear_line, _hear_lines),
    Speech("llama-server", "/completion", _llama_body, _hear_llama, _hear_llama_chunks),
)

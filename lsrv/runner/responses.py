"""What a Runner answers with: the server's JSON, typed. Field names are OpenAI's and mistral.rs's."""

from __future__ import annotations

import msgspec


class ResponseFunction(msgspec.Struct, kw_only=True):
    """A function that the model calls. `arguments` is JSON text; in a stream each chunk adds to it."""

    name: str = ""
    arguments: str = ""


class ToolCallResponse(msgspec.Struct, kw_only=True):
    id: str = ""
    type: str = "function"
    function: ResponseFunction
    index: int = 0


class ResponseTopLogprob(msgspec.Struct, kw_only=True):
    token: str
    logprob: float
    bytes: list[int] | None = None


class ResponseLogprob(ResponseTopLogprob, kw_only=True):
    top_logprobs: list[ResponseTopLogprob] = []


class ResponseLogprobs(msgspec.Struct, kw_only=True):
    content: list[ResponseLogprob] | None = None


class ResponseMessage(msgspec.Struct, kw_only=True):
    role: str = "assistant"
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallResponse] | None = None


class ResponseDelta(ResponseMessage, kw_only=True):
    """What a chunk adds to the message."""


class ResponseChoice(msgspec.Struct, kw_only=True):
    index: int
    message: ResponseMessage
    finish_reason: str | None = None
    logprobs: ResponseLogprobs | None = None


class ChunkChoice(msgspec.Struct, kw_only=True):
    index: int
    delta: ResponseDelta
    finish_reason: str | None = None
    logprobs: ResponseLogprobs | None = None


class CompletionChoice(msgspec.Struct, kw_only=True):
    index: int
    text: str
    finish_reason: str | None = None
    logprobs: dict[str, object] | None = None


class ResponseUsage(msgspec.Struct, kw_only=True):
    """Counts of tokens; rates are tokens per second, times are seconds."""

    prompt_tokens: int
    total_tokens: int
    completion_tokens: int = 0
    avg_tok_per_sec: float = 0.0
    avg_prompt_tok_per_sec: float = 0.0
    avg_compl_tok_per_sec: float = 0.0
    total_time_sec: float = 0.0
    total_prompt_time_sec: float = 0.0
    total_completion_time_sec: float = 0.0


class _Answer(msgspec.Struct, kw_only=True):
    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str | None = None
    adapter_generation: str | None = None


class ChatCompletionResponse(_Answer, kw_only=True):
    choices: list[ResponseChoice]
    usage: ResponseUsage


class ChatCompletionChunkResponse(_Answer, kw_only=True):
    """One part of a streamed chat; the last one has `usage`."""

    choices: list[ChunkChoice]
    usage: ResponseUsage | None = None


class CompletionResponse(_Answer, kw_only=True):
    choices: list[CompletionChoice]
    usage: ResponseUsage


class CompletionChunkResponse(_Answer, kw_only=True):
    choices: list[CompletionChoice]
    usage: ResponseUsage | None = None


class RankedText(msgspec.Struct, kw_only=True):
    """How well document number `index` answers the query: higher is better."""

    index: int
    relevance_score: float


class LoraAdapterInfo(msgspec.Struct, kw_only=True):
    """An adapter that a model offers, and which weights its name stands for now."""

    alias: str
    source: str
    generation: str

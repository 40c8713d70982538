"""OpenAI's API from the client's side: a `Generate` as a body, chunks and answers as events. Pure: time is a parameter.

For requests that did not come in OpenAI's words; those that did travel as they are (`lsrv/api/answers/relay.py`).
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from lsrv.errors import UnsupportedParameterError
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import CallDelta, Delta, Embedded, Finished, FinishReason, Reranked, Usage
from lsrv.registry.upstream.logprob_words import Logprobs, token_logprobs
from lsrv.registry.upstream.media_words import messages_of
from lsrv.registry.upstream.tool_words import CalledFunction, CallPiece, CallReading, deltas_in, tool_fields

_PROMPT_FIELDS = frozenset({"add_generation_prompt", "continue_final_message", "documents"})  # of a body itself
_ASKED_AS = {  # by field of a command: what clients know it by, and what they can do
    "earlier_tokens": ("context", "send messages"),
    "n_prompt_logprobs": ("prompt_logprobs", "leave it out"),
    "prompt_parts": ("prompt of texts and token ids in a row", "send one text"),
}
_CARRIED = frozenset(
    {"request_id", "messages", "prompt", "template_kwargs", "sampling", "max_tokens", "stop", "n_top_logprobs"}
    | {"tool_use", "grammar", "ignore_eos", "cache_prompt", "is_echoing", "is_streaming"}
    | {"media", "media_marker"}  # are parts of messages there
    | {"infill"}  # has OpenAI's own word
    | {"reasoning_budget"}  # becomes an effort
    | {"wants_tokens", "wants_details", "wants_progress"}  # whose answer has none: what is told beside a text
    | {"max_decode_s"}  # for who waits for one line: here it is a longer answer
    | {"is_copy"}  # says how to compute
    | {"priority"}  # has had its effect in our own queue; over there it may mean the opposite, or money
)


class _Text(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None  # OpenRouter's and Ollama's name
    tool_calls: list[CallPiece] | None = None
    function_call: CalledFunction | None = None

    @property
    def calls(self) -> list[CallPiece]:
        """What is called, be it in the old word."""
        return self.tool_calls or ([CallPiece(self.function_call, index=0)] if self.function_call else [])


class _Choice(msgspec.Struct):
    delta: _Text | None = None
    message: _Text | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None
    index: int = 0

    @property
    def said(self) -> _Text:
        return self.delta or self.message or _Text(self.text)


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


class _Score(msgspec.Struct):
    relevance_score: float
    index: int


class _Ranking(msgspec.Struct):
    results: list[_Score]
    usage: _Usage | None = None


def path_and_body(command: Generate, model: str) -> tuple[str, dict[str, object]]:
    """Where `command` goes below base_url, and as what. Raises UnsupportedParameterError for what can't travel."""
    _refuse_rest(command)
    is_chat = command.messages is not None
    body: dict[str, object] = {"model": model, **_what(command), **_sampling(command), **_logprobs(command, is_chat)}
    kwargs = _variables(command)
    body |= {name: kwargs[name] for name in kwargs.keys() & _PROMPT_FIELDS} | tool_fields(command.tool_use)
    optional: dict[str, object | None] = {
        "response_format": _response_format(command),
        "max_tokens": command.max_tokens,
        "stop": command.stop or None,
        "suffix": command.infill.suffix if command.infill is not None else None,
        "reasoning_effort": kwargs.pop("reasoning_effort", None),
        "chat_template_kwargs": {name: kwargs[name] for name in kwargs.keys() - _PROMPT_FIELDS} or None,
        "ignore_eos": command.ignore_eos or None,
        "echo": command.is_echoing or None,
        "stream": command.is_streaming or None,
        "stream_options": {"include_usage": True} if command.is_streaming else None,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    return "chat/completions" if is_chat else "completions", body


def _variables(command: Generate) -> dict[str, object]:
    """The template's variables. An effort says that there is to be thought, too, and servers without templates know it.

    A budget of thought has no word in OpenAI's API: it becomes the effort that other gateways make of it.
    """
    kwargs = dict(command.template_kwargs)
    if command.reasoning_budget is not None and kwargs.get("enable_thinking") is not False:
        kwargs.setdefault("reasoning_effort", _effort(command.reasoning_budget))
    if "reasoning_effort" in kwargs and kwargs.get("enable_thinking") is True:
        del kwargs["enable_thinking"]
    return kwargs


def _effort(n_tokens: int) -> str:
    """What so many tokens of thought are called; the numbers are litellm's."""
    if n_tokens < 0:  # as many as the model wants
        return "high"
    return "none" if n_tokens == 0 else "low" if n_tokens < 2048 else "medium" if n_tokens < 4096 else "high"


def _refuse_rest(command: Generate) -> None:
    """Ignoring a field would give a wrong answer."""
    default = Generate(request_id=0)
    for name in command.__struct_fields__:
        if name not in _CARRIED and getattr(command, name) != getattr(default, name):
            what, instead = _ASKED_AS.get(name, (name, "leave it out"))
            raise UnsupportedParameterError(f"{what} can't be sent to an upstream; {instead}.", param=what.split()[0])


def _what(command: Generate) -> dict[str, object]:
    return {"prompt": command.prompt} if command.messages is None else {"messages": messages_of(command)}


def _response_format(command: Generate) -> dict[str, object] | None:
    """OpenAI's API has words for a JSON Schema only."""
    grammar = command.grammar
    if grammar is None:
        return None
    if grammar.kind != "json_schema":
        raise UnsupportedParameterError(
            f"{grammar.param}: a grammar of kind {grammar.kind} can't be sent to an upstream; use a JSON Schema.",
            param=grammar.param,
        )
    schema = msgspec.json.decode(grammar.source)
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def _sampling(command: Generate) -> dict[str, object]:
    """Our names are those of OpenAI and llama.cpp."""
    asked: dict[str, Any] = msgspec.structs.asdict(command.sampling)
    given = {name: value for name, value in asked.items() if value is not None}
    bias = given.pop("logit_bias", {}) | given.pop("text_bias", {})
    if bias:
        given["logit_bias"] = {str(token): max(value, -100.0) for token, value in bias.items()}  # -inf: never
    return given


def _logprobs(command: Generate, is_chat: bool) -> dict[str, object]:
    n_top = command.n_top_logprobs
    if n_top is None:
        return {}
    return {"logprobs": True, "top_logprobs": n_top} if is_chat else {"logprobs": n_top}


class Reading:
    """One answer as it comes: chunks, or a whole one, to events. Raises msgspec.ValidationError for nonsense."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._first_s: float | None = None
        self._last_s = began_s
        self._usage = _Usage()
        self._finish_reason = ""
        self._calls = CallReading()

    def delta(self, chunk: dict[str, object], now_s: float) -> Delta | None:
        """What is new in a chunk."""
        said = self._read(chunk)
        if not said.text and not said.reasoning and not said.calls:
            return None
        self._first_s = now_s if self._first_s is None else self._first_s
        self._last_s = now_s
        return said

    def whole(self, answer: dict[str, object], now_s: float) -> Finished:
        """An answer that came in one piece."""
        said = self._read(answer)
        self._last_s = now_s
        return self._end(said)

    def end(self) -> Finished:
        """The end of a stream whose texts were handed out."""
        return self._end(Delta(0, ""))

    def _read(self, chunk: dict[str, object]) -> Delta:
        read = msgspec.convert(chunk, _Chunk, strict=False)
        self._usage = read.usage or self._usage
        if not read.choices:
            return Delta(0, "")
        choice = read.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        said = choice.said
        reasoning = said.reasoning_content or said.reasoning or ""
        logprobs = None if choice.logprobs is None else token_logprobs(choice.logprobs)
        return Delta(0, said.content or "", reasoning, logprobs, self._calls.read(said.calls))

    def _end(self, rest: Delta) -> Finished:
        first_s = self._began_s if self._first_s is None else self._first_s
        usage = _usage(self._usage, first_s - self._began_s, self._last_s - first_s)
        return Finished(0, self._reason(), rest.text, rest.reasoning, usage, logprobs=rest.logprobs, calls=rest.calls)

    def _reason(self) -> FinishReason:
        """Not all servers say `tool_calls` behind calls."""
        if self._finish_reason == "length":
            return "length"
        return "tool_calls" if self._calls.has_calls else "stop"


def reported_usage(chunk: dict[str, object]) -> Usage | None:
    """What a chunk or an answer reports, without times. None where it reports nothing that can be read."""
    try:
        usage = msgspec.convert(chunk.get("usage"), _Usage | None, strict=False)
    except msgspec.ValidationError:
        return None
    return None if usage is None else _usage(usage, 0.0, 0.0)


def reported_texts(chunk: dict[str, object]) -> list[tuple[int, str]]:
    """The new text of each choice that has one in a chunk or an answer. Empty where nothing of it can be read."""
    return [(choice.index, text) for choice in _choices(chunk) if (text := choice.said.content)]


def reported_calls(chunk: dict[str, object]) -> list[tuple[int, list[CallDelta]]]:
    """The same of calls of tools."""
    return [(choice.index, deltas_in(calls)) for choice in _choices(chunk) if (calls := choice.said.calls)]


def _choices(chunk: dict[str, object]) -> list[_Choice]:
    try:
        return msgspec.convert(chunk, _Chunk, strict=False).choices
    except msgspec.ValidationError:
        return []


def says_something(chunk: dict[str, object]) -> bool:
    """Whether a chunk of a stream carries any of the answer: not if it tells no more than a role."""
    try:
        read = msgspec.convert(chunk, _Heard, strict=False)
    except msgspec.ValidationError:
        return True  # nonsense is passed on as it is
    return any(choice.finish_reason or choice.text or choice.said() for choice in read.choices)


class _HeardChoice(msgspec.Struct):
    """A choice of a chunk, for whether anything of an answer is in it: any field of its delta may be."""

    delta: dict[str, object] | None = None
    text: str | None = None
    finish_reason: str | None = None

    def said(self) -> bool:
        return any(value for name, value in (self.delta or {}).items() if name != "role")


class _Heard(msgspec.Struct):
    choices: list[_HeardChoice] = []


def _usage(usage: _Usage, prefill_s: float, decode_s: float) -> Usage:
    """The wait for a place over there is part of `prefill_s`."""
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        n_prompt_tokens=usage.prompt_tokens,
        n_cached_tokens=(prompt.cached_tokens or 0) if prompt else 0,
        n_completion_tokens=usage.completion_tokens,
        n_reasoning_tokens=(completion.reasoning_tokens or 0) if completion else 0,
        queue_s=0.0,
        prefill_s=prefill_s,
        decode_s=decode_s,
    )


def embedded(answer: dict[str, object], n_inputs: int) -> Embedded:
    """Vectors in the order of the inputs. Raises msgspec.ValidationError for nonsense."""
    read = msgspec.convert(answer, _Vectors, strict=False)
    if len(read.data) != n_inputs:
        raise msgspec.ValidationError(f"{len(read.data)} vectors for {n_inputs} inputs")
    ordered = sorted(read.data, key=lambda each: each.index)
    vectors = [struct.pack(f"<{len(each.embedding)}f", *each.embedding) for each in ordered]
    n_dims = len(ordered[0].embedding) if ordered else 0
    return Embedded(0, vectors, read.usage.prompt_tokens if read.usage else 0, n_dims)


def reranked(answer: dict[str, object], n_documents: int) -> Reranked:
    """Scores in the order of the documents. Raises msgspec.ValidationError for nonsense."""
    read = msgspec.convert(answer, _Ranking, strict=False)
    scores = {each.index: each.relevance_score for each in read.results}
    if scores.keys() != set(range(n_documents)):
        raise msgspec.ValidationError(f"{len(scores)} scores for {n_documents} documents")
    ordered = [scores[index] for index in range(n_documents)]
    n_prompt_tokens = read.usage.prompt_tokens if read.usage else 0
    return Reranked(request_id=0, scores=ordered, is_probability=True, n_prompt_tokens=n_prompt_tokens)

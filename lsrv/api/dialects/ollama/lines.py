"""Events to lines of JSON: `/api/chat` and `/api/generate`. A line is constant but for the text of an answer.

The last line has `done`, why the answer ended, and what it took: durations in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.fields.one_line import written
from lsrv.api.dialects.fields.timestamp import rfc3339
from lsrv.api.dialects.ollama.calls import CallCollector
from lsrv.api.dialects.ollama.wording import nanoseconds
from lsrv.protocol.events import Delta, Finished, TokenLogprob, Usage

_Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class OllamaForm:
    """Where an answer stands in a line: as a message or as bare fields. A text alone stands between two constants."""

    fields: Callable[[str, str, list[_Fields]], _Fields]  # of text, thoughts and whole calls
    before_text: bytes
    behind_text: bytes


def _message(text: str, thoughts: str, calls: list[_Fields]) -> _Fields:
    message: _Fields = {"role": "assistant", "content": text}
    return {"message": message | _optional(thoughts, calls)}


def _response(text: str, thoughts: str, calls: list[_Fields]) -> _Fields:
    return {"response": text} | _optional(thoughts, calls)


def _optional(thoughts: str, calls: list[_Fields]) -> _Fields:
    optional: _Fields = {"thinking": thoughts, "tool_calls": calls}
    return {name: value for name, value in optional.items() if value}


CHAT_FORM = OllamaForm(_message, b',"message":{"role":"assistant","content":', b'},"done":false}\n')
GENERATE_FORM = OllamaForm(_response, b',"response":', b',"done":false}\n')


class OllamaReply:
    """One answer. Calls come whole, as soon as they are."""

    def __init__(self, form: OllamaForm, heading: Heading) -> None:
        self._form = form
        self._heading = heading
        self._common: _Fields = {"model": heading.model_id, "created_at": rfc3339(heading.created)}
        self._start = written(self._common)[:-1] + form.before_text
        self._calls = CallCollector()

    def head(self) -> bytes:
        return b""

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.reasoning or delta.calls or delta.logprobs is not None:
            calls = self._calls.add(delta.calls)
            return self._line(delta.text, delta.reasoning, calls, delta.logprobs)
        return self._start + written(delta.text) + self._form.behind_text

    def finish(self, index: int, finished: Finished) -> bytes:
        """What was still unsaid, and the last line."""
        calls = self._calls.add(finished.calls) + self._calls.flush()
        text = finished.text + self._calls.unreadable
        rest = self._line(text, finished.reasoning, calls, finished.logprobs)
        return rest + written(self._common | self._form.fields("", "", []) | self._end(finished)) + b"\n"

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return b""

    def body(self, finished: Sequence[Finished]) -> bytes:
        end = finished[0]
        calls = self._calls.add(end.calls) + self._calls.flush()
        said = self._form.fields(end.text + self._calls.unreadable, end.reasoning, calls)
        return written(self._common | said | _logprobs(end.logprobs) | self._end(end))

    def _line(self, text: str, thoughts: str, calls: list[_Fields], logprobs: list[TokenLogprob] | None) -> bytes:
        if not (text or thoughts or calls or logprobs):
            return b""
        said = self._form.fields(text, thoughts, calls)
        return written(self._common | said | _logprobs(logprobs) | {"done": False}) + b"\n"

    def _end(self, finished: Finished) -> _Fields:
        reason = "stop" if finished.finish_reason == "tool_calls" else finished.finish_reason
        end: _Fields = {"done": True, "done_reason": reason, **durations(finished.usage, self._heading.lease_wait_s)}
        optional = {"context": finished.tokens, "complaint": finished.complaint, "warnings": self._heading.notes}
        return end | {name: value for name, value in optional.items() if value}


def durations(usage: Usage, load_s: float) -> dict[str, object]:
    """What an answer took; `load_s`: until its model had a place for it."""
    return {
        "total_duration": nanoseconds(load_s + usage.queue_s + usage.prefill_s + usage.decode_s),
        "load_duration": nanoseconds(load_s),
        "prompt_eval_count": usage.n_prompt_tokens,
        "prompt_eval_duration": nanoseconds(usage.prefill_s),
        "eval_count": usage.n_completion_tokens,
        "eval_duration": nanoseconds(usage.decode_s),
    }


def idle_line(form: OllamaForm, model_id: str, now: float, reason: str) -> bytes:
    """The answer to a request that asks nothing: `reason` is "load" or "unload"."""
    end: _Fields = {"done": True, "done_reason": reason}
    return written({"model": model_id, "created_at": rfc3339(now)} | form.fields("", "", []) | end) + b"\n"


def _logprobs(logprobs: list[TokenLogprob] | None) -> _Fields:
    if logprobs is None:
        return {}
    return {"logprobs": [_token(token) | {"top_logprobs": [_token(top) for top in token.top]} for token in logprobs]}


def _token(token: TokenLogprob) -> _Fields:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.raw)}

"""Events to a message: whole, or as named events (message_start, blocks, message_delta, message_stop).

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from lsrv.api.dialects.anthropic.block_writer import BlockWriter, whole_blocks
from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.fields.one_line import written
from lsrv.api.http.framing import named_sse
from lsrv.protocol.events import Delta, Finished, Usage

_Fields = dict[str, object]

_STOPPED = named_sse(b"message_stop", b'{"type":"message_stop"}')


class MessageReply:
    """One answer to a request for `max_tokens` at most."""

    def __init__(self, max_tokens: int, heading: Heading) -> None:
        self._max_tokens = max_tokens
        self._heading = heading
        self._blocks = BlockWriter()

    def head(self) -> bytes:
        n_prompt_tokens = self._heading.n_prompt_tokens  # how many of them are cached is known at the end
        usage = usage_object(Usage(n_prompt_tokens, 0, 0, 0, 0.0, 0.0, 0.0))
        message = self._message([], {"stop_reason": None, "stop_sequence": None}, usage)
        return named_sse(b"message_start", written({"type": "message_start", "message": message}))

    def delta(self, index: int, delta: Delta) -> bytes:
        return self._blocks.said(delta)

    def finish(self, index: int, finished: Finished) -> bytes:
        """What was still unsaid, and why it ended."""
        event: _Fields = {
            "type": "message_delta",
            "delta": self._stop(finished),
            "usage": usage_object(finished.usage),
        }
        last = named_sse(b"message_delta", written(event | self._remarks(finished)))
        return self._blocks.said(finished) + self._blocks.end() + last

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return _STOPPED

    def body(self, finished: Sequence[Finished]) -> bytes:
        end = finished[0]
        message = self._message(whole_blocks(end), self._stop(end), usage_object(end.usage))
        return written(message | self._remarks(end))

    def _message(self, content: list[_Fields], stop: _Fields, usage: _Fields) -> _Fields:
        return {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": self._heading.model_id,
            "content": content,
            **stop,
            "usage": usage,
        }

    def _stop(self, end: Finished) -> _Fields:
        return {"stop_reason": _stop_reason(end, self._max_tokens), "stop_sequence": end.stop_string}

    def _remarks(self, end: Finished) -> _Fields:
        """What Anthropic's API has no word for, where there is something to say."""
        remarks = {"complaint": end.complaint, "warnings": self._heading.notes, "cached": self._heading.is_cached}
        return {name: value for name, value in remarks.items() if value}


def usage_object(usage: Usage) -> _Fields:
    """Cached tokens are counted apart. One was computed at least: clients take 0 for something that was not said."""
    n_cached = min(usage.n_cached_tokens, max(0, usage.n_prompt_tokens - 1))
    return {
        "input_tokens": usage.n_prompt_tokens - n_cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": n_cached,
        "output_tokens": usage.n_completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.n_reasoning_tokens},
    }


def _stop_reason(end: Finished, max_tokens: int) -> str:
    if end.finish_reason == "tool_calls":
        return "tool_use"
    if end.finish_reason == "length":
        is_full = end.usage.n_completion_tokens < max_tokens
        return "model_context_window_exceeded" if is_full else "max_tokens"
    return "end_turn" if end.stop_string is None else "stop_sequence"

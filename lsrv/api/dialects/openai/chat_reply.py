"""Events to `chat.completion` bodies and `chat.completion.chunk` events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lsrv.api.dialects.contract import DONE, Heading
from lsrv.api.dialects.openai.calls import CallWriter, OldCallWriter, ToolCallWriter
from lsrv.api.dialects.openai.chunk_frame import ChunkFrame
from lsrv.api.dialects.openai.heading import heading_fields, new_id
from lsrv.api.dialects.openai.prompt_logprobs import scored_prompt
from lsrv.api.dialects.openai.shared_fields import ReplyForm
from lsrv.api.dialects.openai.usage import progress_object, timings_object, usage_object
from lsrv.api.dialects.server_tools.items import mcp_item, whole_items
from lsrv.protocol.events import Delta, Finished, TokenLogprob, Usage
from lsrv.serving.usage import total_usage

_encode = msgspec.json.Encoder().encode


class ChatReply:
    """One chat answer. `id`, `created` and `model` are the same in every chunk. `answer_id` empty: one is made up.

    `has_old_calls`: the client offered `functions`, and reads `function_call`.
    """

    def __init__(self, form: ReplyForm, heading: Heading, *, answer_id: str = "", has_old_calls: bool = False) -> None:
        self._form = form
        self._calls: CallWriter = OldCallWriter() if has_old_calls else ToolCallWriter()
        self._common = heading_fields(heading, answer_id or new_id("chatcmpl"), has_tier=form.has_tier)
        common = {"object": "chat.completion.chunk", **self._common}
        self._frame = ChunkFrame(common, has_usage=form.has_usage, is_cached=heading.is_cached)

    def head(self) -> bytes:
        """The role of every choice, with empty content: some clients break without the key."""
        delta = b'{"role":"assistant","content":""}'
        return b"".join(self._chunk(i, delta) for i in range(self._form.n_choices))

    def delta(self, index: int, delta: Delta) -> bytes:
        if delta.progress is not None:
            silent = self._chunk(index, b'{"content":""}')
            return self._frame.with_counts(silent, {"prompt_progress": progress_object(delta.progress)})
        return self._said(index, delta)

    def finish(self, index: int, finished: Finished) -> bytes:
        """What was still unsaid, then the finish reason. Without a usage chunk the last chunk carries the timings."""
        rest = self._said(index, finished)
        reason = _encode(self._calls.finish_reason(finished.finish_reason)) + _complaint_json(finished.complaint)
        last = self._chunk(index, b'{"content":""}', finish_reason=reason)
        if self._form.has_usage or self._form.n_choices > 1:
            return rest + last
        return rest + self._frame.with_counts(last, {"timings": timings_object(finished.usage)})

    def tail(self, finished: Sequence[Finished]) -> bytes:
        if not self._form.has_usage:
            return DONE
        usage = total_usage(finished, self._form.n_choices)
        return self._frame.counts_alone(_counts(usage)) + DONE

    def body(self, finished: Sequence[Finished]) -> bytes:
        usage = total_usage(finished, self._form.n_choices)
        return _encode(
            {
                "object": "chat.completion",
                **self._common,
                "choices": [self._choice(i, end) for i, end in enumerate(finished)],
            }
            | self._scored_prompt(finished[0])
            | _counts(usage)
            | self._frame.cached
        )

    # What an answer says, by channel, is written in the two methods that follow, and nowhere else.

    def _said(self, index: int, said: Delta | Finished) -> bytes:
        """A chunk for text, reasoning and log-probabilities, and one for each piece of a call."""
        calls = [self._chunk(index, delta) for delta in self._calls.deltas(said.calls)] if said.calls else []
        if said.tool_news:
            news = b'{"content":"","mcp":%b}' % _encode([mcp_item(each) for each in said.tool_news])
            calls.insert(0, self._chunk(index, news))
        if not (said.text or said.reasoning or said.logprobs):
            return b"".join(calls)
        reasoning = b',"reasoning_content":%b' % _encode(said.reasoning) if said.reasoning else b""
        delta = b'{"content":%b%b}' % (_encode(said.text), reasoning)
        return b"".join([self._chunk(index, delta, logprobs=_logprobs_json(said.logprobs)), *calls])

    def _choice(self, index: int, end: Finished) -> dict[str, object]:
        message: dict[str, object] = {"role": "assistant", "content": end.text, "refusal": None}
        if end.reasoning:
            message["reasoning_content"] = end.reasoning
        if end.tool_news:
            message["mcp"] = whole_items(end.tool_news)
        if end.calls:
            message |= {"content": end.text or None, **self._calls.whole(end.calls)}
        choice: dict[str, object] = {
            "index": index,
            "message": message,
            "logprobs": logprobs_object(end.logprobs),
            "finish_reason": self._calls.finish_reason(end.finish_reason),
        }
        return choice | {"complaint": end.complaint} if end.complaint else choice

    def _scored_prompt(self, end: Finished) -> dict[str, object]:
        """All choices have the same prompt."""
        n_top = self._form.n_prompt_logprobs
        return {} if n_top is None else {"prompt_logprobs": scored_prompt(end.prompt_logprobs, n_top)}

    def _chunk(self, index: int, delta: bytes, *, logprobs: bytes = b"null", finish_reason: bytes = b"null") -> bytes:
        return b'%b{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}%b' % (
            self._frame.head,
            index,
            delta,
            logprobs,
            finish_reason,
            self._frame.tail,
        )


def _counts(usage: Usage) -> dict[str, object]:
    return {"usage": usage_object(usage), "timings": timings_object(usage)}


def logprobs_object(logprobs: list[TokenLogprob] | None) -> dict[str, object] | None:
    """OpenAI's chat logprobs; natural logarithms."""
    if logprobs is None:
        return None
    return {"content": token_objects(logprobs), "refusal": None}


def token_objects(logprobs: Sequence[TokenLogprob]) -> list[dict[str, object]]:
    """Each token with its alternatives."""
    return [_token(token) | {"top_logprobs": [_token(top) for top in token.top]} for token in logprobs]


def _token(token: TokenLogprob) -> dict[str, object]:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.raw)}


def _complaint_json(complaint: str) -> bytes:
    """A field behind the finish reason, where a call could not be read."""
    return b',"complaint":%b' % _encode(complaint) if complaint else b""


def _logprobs_json(logprobs: list[TokenLogprob] | None) -> bytes:
    return b"null" if logprobs is None else _encode(logprobs_object(logprobs))

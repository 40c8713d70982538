"""Answers as they are kept: one `Finished` per choice with all of its text. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from lsrv.protocol.calls import joined_calls
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Accepted, Delta, Finished, TokenLogprob

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Finished])


def whole_answer(events: Iterable[tuple[int, Accepted | Delta | Finished]]) -> list[Finished]:
    """The ends of all choices, each with what its deltas had carried. Every choice must have ended."""
    deltas: defaultdict[int, list[Delta]] = defaultdict(list)
    ends: dict[int, Finished] = {}
    for index, event in events:
        if isinstance(event, Delta):
            deltas[index].append(event)
        elif isinstance(event, Finished):
            ends[index] = event
    return [_whole(deltas[index], ends[index]) for index in sorted(ends)]


def _whole(deltas: list[Delta], end: Finished) -> Finished:
    if not deltas:
        return end
    parts = [*deltas, end]
    logprobs: list[TokenLogprob] = [token for part in parts for token in part.logprobs or ()]
    return msgspec.structs.replace(
        end,
        text="".join(part.text for part in parts),
        reasoning="".join(part.reasoning for part in parts),
        calls=joined_calls(call for part in parts for call in part.calls),
        prompt_logprobs=[token for part in parts for token in part.prompt_logprobs],
        tool_news=[news for part in parts for news in part.tool_news],
        logprobs=logprobs if any(part.logprobs is not None for part in parts) else None,
    )


def is_keepable(commands: Sequence[Generate], ends: Sequence[Finished]) -> bool:
    """Whether the answer is whole: not aborted, and not cut off by a context that may be longer another time."""
    return all(_is_whole(command, end) for command, end in zip(commands, ends, strict=True))


def _is_whole(command: Generate, end: Finished) -> bool:
    if end.finish_reason == "length":
        return command.max_tokens is not None and end.usage.n_completion_tokens >= command.max_tokens
    return end.finish_reason != "abort"


def encode(ends: Sequence[Finished]) -> bytes:
    """An answer as bytes."""
    return _encoder.encode(ends)


def decode(raw: bytes) -> list[Finished]:
    """The answer in `raw`. Raises msgspec.MsgspecError if it holds none."""
    return _decoder.decode(raw)

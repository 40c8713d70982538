"""From stamped bytes of one HTTP answer to what a client would have seen, and when. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

Arrival = tuple[float, bytes]  # when (seconds), what

_DONE = b"[DONE]"


@dataclass
class Answer:
    """One answer. Times in seconds since the request began; `text_at` has one entry per arrival that brought text."""

    error: str = ""  # empty: a complete answer with status 200
    text: str = ""
    text_at: list[float] = field(default_factory=list)
    n_tokens: int = 0
    ended_at: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)  # llama-server's, of an answer that was not streamed


def read_answer(begun: float, arrivals: list[Arrival]) -> Answer:
    """Read a streamed or whole answer. What is wrong with it stands in `error`."""
    if not arrivals:
        return Answer(error="no answer: the connection failed, or took too long")
    answer = Answer(ended_at=arrivals[-1][0] - begun)
    try:
        head, body = _split_head(arrivals)
        status, is_chunked = int(head.split(b" ", 2)[1]), b"transfer-encoding: chunked" in head.lower()
        pieces = list(_dechunk(body)) if is_chunked else body
        if status != 200:
            answer.error = f"status {status}: {_joined(pieces)[:300].decode(errors='replace')}"
        elif b"text/event-stream" in head:
            _read_stream(answer, begun, pieces)
        else:
            _read_whole(answer, json.loads(_joined(pieces)))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        answer.error = f"an answer that can't be read: {error!r}"
    if not answer.error and not answer.text_at:
        answer.error = "an answer without text"
    return answer


def _split_head(arrivals: list[Arrival]) -> tuple[bytes, list[Arrival]]:
    """The header, and the arrivals of the body. Raises ValueError if the header never ended."""
    received = b""
    for index, (at, data) in enumerate(arrivals):
        received += data
        head, end, rest = received.partition(b"\r\n\r\n")
        if end:
            return head, [(at, rest), *arrivals[index + 1 :]]
    raise ValueError("the header never ended")


def _dechunk(arrivals: list[Arrival]) -> Iterator[Arrival]:
    """The chunks' contents, each with the time at which its last byte arrived (RFC 9112, 7.1)."""
    buffer = b""
    for at, data in arrivals:
        buffer += data
        while (end_of_size := buffer.find(b"\r\n")) >= 0:
            size = int(buffer[:end_of_size], 16)
            end = end_of_size + 2 + size
            if len(buffer) < end + 2:
                break
            yield at, buffer[end_of_size + 2 : end]
            buffer = buffer[end + 2 :]


def _read_stream(answer: Answer, begun: float, pieces: list[Arrival]) -> None:
    is_done, buffer = False, b""
    for at, data in pieces:
        *events, buffer = (buffer + data).split(b"\n\n")
        for event in events:
            payload = event.removeprefix(b"data:").strip()
            if payload == _DONE:
                is_done = True
            elif event.startswith(b"data:"):
                _read_event(answer, at - begun, json.loads(payload))
    if not is_done and not answer.error:
        answer.error = "a stream without its end"


def _read_event(answer: Answer, at: float, event: dict[str, object]) -> None:
    if "error" in event:
        answer.error = str(event["error"])[:300]
    text = _text(event)
    if text and (not answer.text_at or answer.text_at[-1] != at):
        answer.text_at.append(at)
    answer.text += text
    answer.n_tokens = _n_tokens(event) or answer.n_tokens


def _read_whole(answer: Answer, body: dict[str, object]) -> None:
    answer.text = _text(body)
    answer.text_at = [answer.ended_at]
    answer.n_tokens = _n_tokens(body)
    timings = body.get("timings")
    answer.timings = timings if isinstance(timings, dict) else {}


def _text(body: dict[str, object]) -> str:
    text = ""
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        message = choice.get("delta") or choice.get("message") or choice
        text += message.get("text") or ""
        text += (message.get("reasoning_content") or "") + (message.get("content") or "")
    return text


def _n_tokens(body: dict[str, object]) -> int:
    usage = body.get("usage")
    return int(usage["completion_tokens"]) if isinstance(usage, dict) else 0


def _joined(pieces: list[Arrival]) -> bytes:
    return b"".join(data for _, data in pieces)

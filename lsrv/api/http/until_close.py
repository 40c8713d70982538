"""Answers to HTTP/1.0, which knows no chunks: a body of unknown length ends with its connection (RFC 9112, 6.3)."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class _AnyLength(int):
    """What uvicorn counts down a body's length in, where nobody knows it: all fits, and nothing is missing."""

    def __lt__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return False

    def __sub__(self, other: int) -> _AnyLength:
        return self

    __hash__ = int.__hash__


def write_until_close(cycle: RequestResponseCycle) -> None:
    """Have `cycle`, which has not begun to answer, write bodies as they are; its connection closes behind them."""
    cycle.chunked_encoding = False
    cycle.expected_content_length = _AnyLength()
    cycle.keep_alive = False

"""Events out of bytes, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.registry.upstream.sse import EventParser, EventTooLongError

_words = st.text("abc: ö", max_size=8).map(str.encode)
_events = st.lists(st.lists(_words, min_size=1, max_size=3), max_size=5)


@given(_events, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(1, 7), max_size=60))
def test_the_same_events_come_out_wherever_the_bytes_are_cut(
    events: list[list[bytes]], end: bytes, sizes: list[int]
) -> None:
    raw = b"".join(
        b": comment" + end + b"event: x" + end + b"".join(b"data: " + line + end for line in lines) + end
        for lines in events
    )
    parser = EventParser(1000)
    found: list[bytes] = []
    for size in sizes:
        found += parser.feed(raw[:size])
        raw = raw[size:]
    found += parser.feed(raw) + parser.feed(b": end\n")
    assert found == [b"\n".join(lines) for lines in events]


def test_data_may_stand_without_a_blank() -> None:
    assert EventParser(100).feed(b"data:{}\n\n") == [b"{}"]


@pytest.mark.parametrize("event", [b"data: " + b"x" * 200, b"data: xxxxxxxxxx\n" * 20])
def test_an_event_that_is_too_long_is_not_kept(event: bytes) -> None:
    parser = EventParser(100)
    with pytest.raises(EventTooLongError):
        for at in range(0, len(event), 10):
            parser.feed(event[at : at + 10])

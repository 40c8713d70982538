"""How much of a foreign text a message repeats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.echo import LINE_CHARS, echo


@given(st.text(), st.integers(4, 50))
def test_an_echo_is_the_text_or_its_beginning_and_end(text: str, n_chars: int) -> None:
    shown = echo(text, n_chars)
    if len(text) <= n_chars:
        assert shown == text
    else:
        head, _, tail = shown.rpartition("…")
        assert len(shown) == n_chars
        assert text.startswith(head)
        assert text.endswith(tail)


@pytest.mark.parametrize("text", ["", "a", "a" * LINE_CHARS])
def test_a_line_stays_as_it_is(text: str) -> None:
    assert echo(text) == text

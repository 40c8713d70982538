from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.detokenize import StopStrings, TextAssembler


def assemble(pieces: list[bytes], stops: list[str]) -> tuple[str, list[str], str | None]:
    assembler = TextAssembler(StopStrings(stops))
    parts: list[str] = []
    for piece in pieces:
        parts.append(assembler.push(piece))
        if assembler.stop_string is not None:
            return "".join(parts), parts, assembler.stop_string
    parts.append(assembler.flush())
    return "".join(parts), parts, assembler.stop_string


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.text(), st.lists(st.integers(0, 500)))
def test_any_cut_of_utf8_gives_the_text_back_in_whole_characters(text: str, places: list[int]) -> None:
    whole, parts, _ = assemble(cut(text.encode("utf-8", "replace"), places), [])
    assert whole == text.encode("utf-8", "replace").decode()
    assert not any("\ufffd" in part for part in parts if "\ufffd" not in text)


@given(
    st.text(alphabet="abcé", max_size=40),
    st.lists(st.integers(0, 80)),
    st.lists(st.text(alphabet="abcé", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_text_ends_before_the_earliest_stop_string_wherever_tokens_are_cut(
    text: str, places: list[int], stops: list[str]
) -> None:
    whole, _, matched = assemble(cut(text.encode(), places), stops)
    starts = [text.find(stop) for stop in stops if stop in text]
    assert (matched is not None) == bool(starts)
    if starts:
        # A token may complete two stops at once or a later-starting one first; nothing of a match is ever shown.
        assert text.startswith(whole)
        assert not any(stop in whole for stop in stops)
    else:
        assert whole == text


def test_of_a_character_that_is_cut_off_nothing_is_told() -> None:
    assert assemble([b"a", "é".encode()[:1]], [])[0] == "a"
    assert assemble([b"a", "€".encode()[:2]], ["€"])[0] == "a"


def test_bytes_that_can_be_no_character_are_marked() -> None:
    assert assemble([b"a\xff", b"b"], [])[0] == "a\ufffdb"


def test_text_that_only_looks_like_a_stop_string_is_released() -> None:
    _, parts, matched = assemble([b"one ", b"ST", b"ART"], ["STOP"])
    assert parts == ["one ", "", "START", ""]
    assert matched is None


def test_an_empty_stop_string_stops_nothing() -> None:
    assert assemble([b"abc"], [""]) == ("abc", ["abc", ""], None)

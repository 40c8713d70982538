"""What strangers write, as a terminal may see it."""

from __future__ import annotations

import json

import pytest

from lsrv.printable import printable


@pytest.mark.parametrize(
    "char", ["\x00", "\x1b", "\r", "\n", "\x7f", "\x9b", "\u202e", "\u2028", "\u2066", "\ufeff", "\udc80"]
)
def test_what_a_terminal_obeys_or_hides_stands_as_an_escape(char: str) -> None:
    shown = printable(f"a{char}b")
    assert shown.isascii()
    assert json.loads(f'"{shown}"') == f"a{char}b"


def test_letters_of_all_scripts_and_their_spaces_stay() -> None:
    text = "größe 模型\u3000ネコ 🦙 naïve\xa0é"
    assert printable(text) == text


def test_lines_stay_lines_where_they_are_wanted() -> None:
    assert printable("a\n\x9bb", keep="\n") == "a\n\\u009bb"


def test_json_stays_the_same_json() -> None:
    value = {"name": "x\u202ey\U000e0001", "n": [1, 2]}
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value

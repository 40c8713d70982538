"""Where two texts agree, without cutting a mark such as `<tool_call>`, `[ARGS]` or `<|im_end|>` in two. Pure."""

from __future__ import annotations

import re
from itertools import takewhile

# Holes of a call, while its text is compared with another's: characters that no template writes.
NAME, ID, ARGUMENTS, INDEX, NUMBER = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004"

_MARK = re.compile(r"<\|(?:open|close)\|>[^<]*<\|sep\|>|\]<\]\w+\[>\[</?[^<>]*>?|<[^<>\s][^<>\n]*>|\[/?[A-Z][A-Z_ ]*\]")
_COUNTS = {("0", "1"): INDEX, ("1", "2"): NUMBER}  # what may differ between the first call and the second


def common_start(first: str, second: str) -> str:
    """The longest beginning of both, up to a mark that not both have; counts of calls become holes."""
    start = _agreed(first, second)
    return start[: min(_whole_before(first, len(start)), _whole_before(second, len(start)))]


def common_end(first: str, second: str) -> str:
    """The longest end of both, from behind a mark that not both have; counts of calls become holes."""
    end = _agreed(first[::-1], second[::-1])[::-1]
    return end[len(end) - min(_whole_behind(first, len(end)), _whole_behind(second, len(end))) :]


def last_mark(text: str) -> str:
    """The mark that `text` ends with, white space aside; empty if there is none."""
    stripped = text.rstrip()
    return next((found.group() for found in _MARK.finditer(stripped) if found.end() == len(stripped)), "")


def first_mark(text: str) -> str:
    """The first mark anywhere in `text`; empty if there is none."""
    found = _MARK.search(text)
    return found.group() if found else ""


def _agreed(first: str, second: str) -> str:
    pairs = takewhile(lambda pair: pair[0] == pair[1] or pair in _COUNTS, zip(first, second, strict=False))
    return "".join(_COUNTS.get(pair, pair[0]) for pair in pairs)


def _whole_before(text: str, cut: int) -> int:
    """`cut`, or where the mark begins that it would cut in two."""
    return next((found.start() for found in _MARK.finditer(text) if found.start() < cut < found.end()), cut)


def _whole_behind(text: str, length: int) -> int:
    cut = len(text) - length
    return len(text) - next((found.end() for found in _MARK.finditer(text) if found.start() < cut < found.end()), cut)

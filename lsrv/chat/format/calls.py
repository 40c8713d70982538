"""How a template writes the calls of an answer: what repeats from call to call, and what stands around all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from lsrv.chat.format.answer_format import Arguments, CallFormat, Hole, HoleKind, Marks
from lsrv.chat.format.arguments import place_of
from lsrv.chat.format.call import ToolCall
from lsrv.chat.format.marks import ARGUMENTS, ID, INDEX, NAME, NUMBER, common_end, common_start, last_mark
from lsrv.chat.format.probe import IDS, NAMES, RESULT, TEXT, Probe

_KINDS: dict[str, HoleKind] = {NAME: "name", ID: "id", ARGUMENTS: "arguments", INDEX: "index", NUMBER: "number"}
_PIECES = re.compile(f"([{''.join(_KINDS)}])")
CALLS = (
    ToolCall(NAMES[0], {"key_one": "ValueOne", "key_two": "ValueThree"}, IDS[0]),
    ToolCall(NAMES[1], {"key_one": "ValueTwo"}, IDS[1]),
)


class _Turn(NamedTuple):
    """A turn of calls: what stands before, in, between and behind them. Holes are characters."""

    before: str
    cores: list[str]  # of each call, from its first hole to its last
    between: str
    behind: str


def find_calls(probe: Probe, arguments: Arguments, thoughts: Marks | None, text: Marks | None) -> CallFormat | None:
    """None: calls are dropped, don't look alike, or begin like any text."""
    one = _turn(probe.turn(calls=CALLS[:1]), CALLS[:1], arguments)
    if one is None:
        return None
    with_text = (probe.turn(TEXT, CALLS[:1]) or "").partition(TEXT)
    end = _text_end(probe, text)
    shared = with_text[2][: _first_hole(with_text[2])]
    if end and end in shared:  # the text is a turn of its own
        shared = ""
    lead = _without_neighbours(_lead(probe, one.before, shared), thoughts, text)
    both = _turn(probe.turn(calls=CALLS), CALLS, arguments)
    if both is None:
        parts = _parts((lead + one.cores[0] + _without_end(probe, one.behind, end)).rstrip())
        form = CallFormat(parts=parts, arguments=arguments, allows_several=False)
    else:
        core = common_start(both.cores[0], both.cores[1])
        if len(core) < len(both.cores[0]):
            return None
        form = _several(lead, core, both.between, _without_end(probe, both.behind, end), arguments)
    if not form.opens and isinstance(form.parts[0], Hole):  # nothing tells a call from text
        return None
    return msgspec.structs.replace(form, is_before_text=_is_before_text(probe, end))


def _is_before_text(probe: Probe, end: str) -> bool:
    """Whether text of the same turn stands behind calls, and is no answer to their results."""
    turn = probe.turn(TEXT, CALLS[:1], is_past=True) or probe.turn(TEXT, CALLS[:1]) or ""
    before, has_text, _ = turn.partition(TEXT)
    _, has_call, between = before.partition(NAMES[0])
    return bool(has_text and has_call) and RESULT not in between and not (end and end in between)


def _several(lead: str, core: str, between: str, behind: str, arguments: Arguments) -> CallFormat:
    """A call is what both have in common, before and behind `core`; white space at its ends belongs between calls."""
    before = common_end(lead, between)
    rest = between[: len(between) - len(before)]
    after = common_start(rest, behind)
    space_before = before[: len(before) - len(before.lstrip())]
    space_after = after[len(after.rstrip()) :]
    return CallFormat(
        opens=lead[: len(lead) - len(before)] + space_before,
        parts=_parts(before.lstrip() + core + after.rstrip()),
        between=space_after + rest[len(after) :] + space_before,
        closes=(space_after + behind[len(after) :]).rstrip(),
        arguments=arguments,
    )


def _turn(text: str | None, calls: Sequence[ToolCall], arguments: Arguments) -> _Turn | None:
    """None unless all calls are in it, one after another."""
    if text is None:
        return None
    cores: list[str] = []
    ends: list[tuple[int, int]] = []
    for call in calls:
        place = place_of(text, arguments, call.arguments)
        if place is None:
            return None
        holes = [*_places(text, call.name), *_places(text, call.id), place]
        start, end = min(holes)[0], max(end for _, end in holes)
        cores.append(_holed(text[start : place[0]], call) + ARGUMENTS + _holed(text[place[1] : end], call))
        ends.append((start, end))
    between = text[ends[0][1] : ends[-1][0]]
    return _Turn(text[: ends[0][0]], cores, between, text[ends[-1][1] :])


def _places(text: str, part: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(re.escape(part), text)]


def _holed(text: str, call: ToolCall) -> str:
    return text.replace(call.name, NAME).replace(call.id, ID)


def _lead(probe: Probe, before: str, shared: str) -> str:
    """What of `before` belongs to the calls: what is `shared` behind a text, too; else what no text has in front."""
    if shared:
        return common_end(before, shared).lstrip()
    head = (probe.turn(TEXT) or "").partition(TEXT)[0]
    return before[len(common_start(before, head)) :].lstrip()


def _first_hole(text: str) -> int:
    places = [text.find(hole) for hole in (NAMES[0], IDS[0]) if hole in text]
    return min(places, default=0)


def _without_neighbours(lead: str, thoughts: Marks | None, text: Marks | None) -> str:
    """`lead`, but for what stands around a thought or a text that has no words."""
    for marks in (thoughts, text):
        if marks is not None:
            lead = lead.removeprefix(marks.opens).lstrip().removeprefix(marks.closes).lstrip()
    return lead


def _text_end(probe: Probe, text: Marks | None) -> str:
    """What a turn of text ends with."""
    end = (probe.turn(TEXT) or "").partition(TEXT)[2]
    return end if text is None else end.removeprefix(text.closes)


def _without_end(probe: Probe, behind: str, end: str) -> str:
    """What calls end with, and not the turn.

    1. Mostly a turn of calls ends like one of text; what stands behind the first such end is another turn.
    2. A text that nobody answers may have no end yet: then it is what a question follows.
    3. A turn of calls may have an end of its own, which is one mark.
    """
    if end.strip() and end in behind:
        return behind.partition(end)[0]
    mark = last_mark(behind)
    if end.strip():
        return behind.rstrip().removesuffix(mark)
    past = (probe.turn(TEXT, is_past=True) or "").partition(TEXT)[2]
    return behind.rstrip().removesuffix(mark) if mark and past.lstrip().startswith(mark) else behind


def _parts(text: str) -> list[str | Hole]:
    return [Hole(_KINDS[piece]) if piece in _KINDS else piece for piece in _PIECES.split(text) if piece]

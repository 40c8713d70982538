"""How a template writes the calls of an answer: what repeats from call to call, and what stands around all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from lsrv.chat.format.answer_format import Arguments, CallFormat, Hole, HoleKind
from lsrv.chat.format.arguments import ALL_TYPES, place_of
from lsrv.chat.format.call import ToolCall
from lsrv.chat.format.marks import ARGUMENTS, ID, INDEX, NAME, NUMBER, common_end, common_start, last_mark
from lsrv.chat.format.probe import IDS, NAMES, TEXT, Probe

_KINDS: dict[str, HoleKind] = {NAME: "name", ID: "id", ARGUMENTS: "arguments", INDEX: "index", NUMBER: "number"}
_PIECES = re.compile(f"([{''.join(_KINDS)}])")
CALLS = (ToolCall(NAMES[0], ALL_TYPES, IDS[0]), ToolCall(NAMES[1], {"key_one": "ValueTwo"}, IDS[1]))


class _Turn(NamedTuple):
    """A turn of calls: what stands before, in, between and behind them. Holes are characters."""

    before: str
    cores: list[str]  # of each call, from its first hole to its last
    between: str
    behind: str


def find_calls(probe: Probe, arguments: Arguments) -> CallFormat | None:
    """None: calls are dropped, or don't look alike."""
    one = _turn(probe.turn(calls=CALLS[:1]), CALLS[:1], arguments)
    if one is None:
        return None
    lead, tail = _lead(probe, one.before), _tail(probe)
    both = _turn(probe.turn(calls=CALLS), CALLS, arguments)
    if both is None:
        parts = _parts((lead + one.cores[0] + _without_tail(one.behind, tail)).rstrip())
        return CallFormat(parts=parts, arguments=arguments, allows_several=False)
    core = common_start(both.cores[0], both.cores[1])
    if len(core) < len(both.cores[0]):
        return None
    return _several(lead, core, both.between, _without_tail(both.behind, tail), arguments)


def has_text_behind(probe: Probe) -> bool:
    """Whether text of the same answer stands behind its calls."""
    turn = probe.turn(TEXT, CALLS[:1]) or ""
    return -1 < turn.find(NAMES[0]) < turn.find(TEXT)


def _several(lead: str, core: str, between: str, behind: str, arguments: Arguments) -> CallFormat:
    """Before `core` stands what both calls have there, and behind it likewise. White space belongs between calls."""
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


def _lead(probe: Probe, before: str) -> str:
    """What of `before` belongs to the calls: it is there with text in front, too; else what no text has in front."""
    with_text = (probe.turn(TEXT, CALLS[:1]) or "").partition(TEXT)[2]
    shared = with_text[: _first_hole(with_text)]
    if shared:
        return common_end(before, shared).lstrip()
    head = (probe.turn(TEXT) or "").partition(TEXT)[0]
    return before[len(common_start(before, head)) :].lstrip()


def _first_hole(text: str) -> int:
    return max(0, min(text.find(NAMES[0]), text.find(IDS[0]) if IDS[0] in text else len(text)))


def _tail(probe: Probe) -> str:
    """The end of a turn."""
    return (probe.turn(TEXT) or "").partition(TEXT)[2]


def _without_tail(behind: str, tail: str) -> str:
    """What calls end with; a turn of calls may have an end of its own, which is one mark then."""
    if behind.endswith(tail):
        return behind.removesuffix(tail)
    return behind.rstrip().removesuffix(last_mark(behind))


def _parts(text: str) -> list[str | Hole]:
    return [Hole(_KINDS[piece]) if piece in _KINDS else piece for piece in _PIECES.split(text) if piece]

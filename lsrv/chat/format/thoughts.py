"""What stands around thoughts and around text, found by comparing turns with and without a thought."""

from __future__ import annotations

import re
from typing import NamedTuple

from lsrv.chat.format.answer_format import Marks
from lsrv.chat.format.call import ToolCall
from lsrv.chat.format.known import known_text, mentioned_thoughts
from lsrv.chat.format.marks import common_end, common_start, first_mark, last_mark
from lsrv.chat.format.probe import IDS, NAMES, TEXT, THOUGHT, Probe

_CALL = (ToolCall(NAMES[0], {"key_one": "ValueOne"}, IDS[0]),)
_SOUNDS_LIKE_THOUGHT = re.compile(r"think|thought|reason", re.IGNORECASE)


class _Shown(NamedTuple):
    """A thought as a template writes it: what stands before it, and up to what follows it."""

    before: str
    behind: str
    is_text: bool  # whether text follows, and no call


def find_marks(source: str, probe: Probe) -> tuple[Marks | None, Marks | None]:
    """The marks around thoughts, and the ones around text."""
    thoughts, text = _compared(source, probe)
    return thoughts, known_text(source) or text


def _compared(source: str, probe: Probe) -> tuple[Marks | None, Marks | None]:
    shown = _shown(probe)
    head, tail = _text_turn(probe)
    start = _start(probe, head, shown.before if shown is not None else head)
    if shown is None:
        thoughts = mentioned_thoughts(source)
        return thoughts, _around_text(probe, _without_thought(head[len(start) :], thoughts), tail)
    leads = [head[len(start) :].strip(), (probe.prompt(**_NOT_THINKING) or "")[len(start) :].strip()]
    opens = _opens(probe, shown.before, start)
    closes = _closes(shown, opens, leads)
    thoughts = Marks(opens, closes)
    return thoughts, _around_text(probe, _without_thought(leads[0], thoughts), tail)


_NOT_THINKING: dict[str, object] = {"enable_thinking": False, "thinking": False}
_THINKING: dict[str, object] = {"enable_thinking": True, "thinking": True}


def _shown(probe: Probe) -> _Shown | None:
    with_text = (probe.turn(TEXT, thought=THOUGHT) or "").partition(THOUGHT)
    if TEXT in with_text[2]:
        return _Shown(with_text[0], with_text[2].partition(TEXT)[0], is_text=True)
    with_call = (probe.turn(calls=_CALL, thought=THOUGHT) or "").partition(THOUGHT)
    if NAMES[0] in with_call[2]:
        return _Shown(with_call[0], with_call[2].partition(NAMES[0])[0], is_text=False)
    return None


def _text_turn(probe: Probe) -> tuple[str, str]:
    head, _, tail = (probe.turn(TEXT) or "").partition(TEXT)
    return head, tail


def _start(probe: Probe, *heads: str) -> str:
    """What all answers begin with, thoughtful ones or not: the header of a turn."""
    past = (probe.turn(TEXT, is_past=True) or "").partition(TEXT)
    others = [past[0] if past[1] else None, probe.prompt(**_NOT_THINKING), probe.prompt(**_THINKING)]
    start = heads[0]
    for other in [*heads[1:], *others]:
        start = (common_start(start, other) if other is not None else "") or start
    return start


def _opens(probe: Probe, before: str, start: str) -> str:
    opens = before[len(start) :].strip()
    if opens:
        return opens
    mark = last_mark(before)
    if _SOUNDS_LIKE_THOUGHT.search(mark):
        return mark
    prompt = probe.prompt(**_THINKING) or ""
    return prompt[len(before) :].strip() if prompt.startswith(before) else ""


def _closes(shown: _Shown, opens: str, leads: list[str]) -> str:
    """Up to what stands before a text without thoughts, where that is seen; else one mark."""
    behind = shown.behind.strip()
    for lead in leads:
        if shown.is_text and lead and opens not in lead and behind.endswith(lead) and behind != lead:
            return behind.removesuffix(lead).strip()
    return first_mark(behind) or behind


def _without_thought(lead: str, thoughts: Marks | None) -> str:
    """What stands before a text, behind a thought without words."""
    if thoughts is None:
        return lead.strip()
    lead = lead.strip().removeprefix(thoughts.opens).strip()
    return lead.removeprefix(thoughts.closes).strip()


def _around_text(probe: Probe, opens: str, tail: str) -> Marks | None:
    if not opens or (probe.prompt() or "").endswith(opens):  # the header of an answer
        return None
    turn = probe.turn(calls=_CALL) or ""
    _, has_text, behind_text = (probe.turn(TEXT, _CALL) or "").partition(TEXT)
    closes = tail[: len(tail) - len(common_end(tail, turn))] if NAMES[0] in turn else ""
    if has_text and NAMES[0] in behind_text:
        closes = common_start(tail, behind_text)
    return Marks(opens, closes.strip() if closes.strip() != tail.strip() else "")  # a whole tail ends the turn

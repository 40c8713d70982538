"""How a model writes answers, derived from its chat template. Pure but for the template, which is rendered."""

from __future__ import annotations

from lsrv.chat.format.answer_format import PLAIN, AnswerFormat
from lsrv.chat.format.arguments import find_arguments
from lsrv.chat.format.calls import CALLS, find_calls
from lsrv.chat.format.known import HERMES, known_calls, known_channels, known_end, mentioned_calls
from lsrv.chat.format.probe import NAMES, TEXT, Probe, Renderer
from lsrv.chat.format.thoughts import find_marks

_UNKNOWN = "how its template writes calls is not known here: the model is told to write them as many do"


def find_format(source: str, render: Renderer) -> AnswerFormat:
    """What can be told from the template's text and its renderings of known conversations."""
    probe = Probe(render)
    arguments = find_arguments(probe)
    thoughts, text = find_marks(source, probe)
    shown = find_calls(probe, arguments, thoughts, text) if arguments is not None else None
    calls = known_calls(source) or shown or mentioned_calls(source)
    channels = known_channels(source)
    is_marked = channels is None
    return AnswerFormat(
        thoughts=(thoughts or PLAIN.thoughts) if is_marked else None,
        text=text if is_marked else None,
        calls=calls or HERMES,
        channels=channels,
        end=known_end(source),
        shows_thoughts=thoughts is not None or not is_marked,
        shows_tools=calls is not None and probe.shows_tools,
        shows_calls=calls is not None and arguments is not None,
        shows_calls_beside_text=_shows_calls_beside_text(probe),
        notes=[_UNKNOWN] if calls is None and probe.shows_calls else [],
    )


def _shows_calls_beside_text(probe: Probe) -> bool:
    turn = probe.turn(TEXT, CALLS[:1]) or ""
    return NAMES[0] in turn or TEXT not in turn

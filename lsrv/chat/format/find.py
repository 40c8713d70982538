"""How a model writes answers, derived from its chat template. Pure but for the template, which is rendered."""

from __future__ import annotations

from lsrv.chat.format.answer_format import PLAIN, AnswerFormat
from lsrv.chat.format.arguments import find_arguments
from lsrv.chat.format.calls import CALLS, find_calls
from lsrv.chat.format.known import HERMES, known_calls, known_channels, known_end
from lsrv.chat.format.probe import NAMES, TEXT, Probe, Renderer
from lsrv.chat.format.thoughts import find_marks


def find_format(source: str, render: Renderer) -> AnswerFormat:
    """What can be told from the template's text and its renderings of known conversations."""
    probe = Probe(render)
    arguments = find_arguments(probe)
    thoughts, text = find_marks(source, probe)
    shown = find_calls(probe, arguments, thoughts, text) if arguments is not None else None
    calls = known_calls(source) or shown or HERMES
    channels = known_channels(source)
    beside_text = probe.turn(TEXT, CALLS[:1]) or ""
    shows_calls_beside_text = shown is None or NAMES[0] in beside_text or TEXT not in beside_text
    if channels is not None:
        return AnswerFormat(
            calls=calls, channels=channels, shows_tools=probe.shows_tools, shows_calls=arguments is not None
        )
    return AnswerFormat(
        thoughts=thoughts or PLAIN.thoughts,
        text=text,
        calls=calls,
        end=known_end(source),
        shows_thoughts=thoughts is not None,
        shows_tools=probe.shows_tools,
        shows_calls=arguments is not None,
        shows_calls_beside_text=shows_calls_beside_text,
    )

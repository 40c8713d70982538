"""How a model writes answers, derived from its chat template. Pure but for the template, which is rendered."""

from __future__ import annotations

from lsrv.chat.format.answer_format import PLAIN, AnswerFormat, Arguments
from lsrv.chat.format.arguments import find_arguments
from lsrv.chat.format.calls import find_calls
from lsrv.chat.format.known import HERMES, known_calls, known_channels, known_end
from lsrv.chat.format.probe import Probe, Renderer, probes
from lsrv.chat.format.thoughts import find_marks


def find_format(source: str, render: Renderer) -> AnswerFormat:
    """What can be told from the template's text and its renderings of known conversations."""
    probe, arguments = _shown_arguments(render)
    thoughts, text = find_marks(source, probe)
    shown = find_calls(probe, arguments, thoughts, text) if arguments is not None else None
    calls = known_calls(source) or shown or HERMES
    channels = known_channels(source)
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
    )


def _shown_arguments(render: Renderer) -> tuple[Probe, Arguments | None]:
    """Arguments as the template shows them, and the way to tell it of calls so that it does."""
    tried = probes(render)
    for probe in tried:
        arguments = find_arguments(probe)
        if arguments is not None:
            return probe, arguments
    return tried[0], None

"""How an answer appears."""

from __future__ import annotations

import io
import re

from rich.console import Console

from lsrv.cli.conversation.screen import PlainScreen, RichScreen

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _shown(*pieces: str, width: int = 40) -> str:
    terminal = Terminal()
    with RichScreen(Console(file=terminal, force_terminal=True, width=width, height=10)) as screen:
        for piece in pieces:
            screen.say(piece)
    return terminal.getvalue()


def test_markdown_is_drawn_and_no_line_is_wider_than_the_terminal() -> None:
    shown = _ESCAPES.sub("", _shown("A **bold** wo", "rd.\n\n```py\nx = 1\n", "\ny = 2\n```\n\n", "word " * 30))
    assert "bold" in shown
    assert "**" not in shown
    assert "```" not in shown
    assert max(len(line) for line in shown.replace("\r", "\n").split("\n")) <= 40


def test_what_a_model_writes_does_not_drive_the_terminal() -> None:
    assert "\x1b]0;" not in _shown("\x1b]0;mine\x07 and text")
    terminal = Terminal()
    with PlainScreen(terminal, shows_thoughts=True) as screen:
        screen.say("\x1b[2J\u202e")
    assert terminal.getvalue() == "\\u001b[2J\\u202e\n"


def test_a_pipe_gets_the_answer_as_it_is_and_no_thoughts() -> None:
    pipe = io.StringIO()
    with PlainScreen(pipe, shows_thoughts=False) as screen:
        screen.think("hm")
        screen.say("a\x1b[1mb")
    assert pipe.getvalue() == "a\x1b[1mb\n"


def test_thoughts_stand_before_the_answer_and_apart_from_it() -> None:
    terminal = Terminal()
    with PlainScreen(terminal, shows_thoughts=True) as screen:
        screen.think("let me")
        screen.think(" see")
        screen.say("Yes.")
    assert terminal.getvalue() == "thinking: let me see\n\nYes.\n"

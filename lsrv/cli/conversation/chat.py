"""The loop of a chat in a terminal: read, ask, show."""

from __future__ import annotations

import sys

from rich.console import Console

from lsrv.cli.conversation.answering import Answering
from lsrv.cli.conversation.commands_in_chat import COMMANDS, EndOfChat, obey
from lsrv.cli.conversation.dialog import Dialog
from lsrv.cli.conversation.keyboard import keyboard
from lsrv.cli.conversation.screen import screen_for
from lsrv.cli.conversation.speaking import Spoken, speak
from lsrv.cli.display.drawing import may_draw
from lsrv.cli.display.say import say
from lsrv.errors import LsrvError


def chat(server: Answering, dialog: Dialog, *, is_raw: bool) -> None:
    """Talk until Ctrl-D or /exit."""
    say(f"{dialog.model or 'The default model'} listens. /help says what you can do; Ctrl-D ends.")
    read = keyboard(tuple(COMMANDS))
    while True:
        try:
            line = read()
        except EOFError:
            return
        except KeyboardInterrupt:
            continue  # what was typed is gone; Ctrl-D ends
        try:
            if not _turn(server, dialog, line, is_raw=is_raw):
                return
        except LsrvError as error:
            say(error.message, err=True)


def _turn(server: Answering, dialog: Dialog, line: str, *, is_raw: bool) -> bool:
    """One message or command; False: it was the last one. Raises LsrvError."""
    if not line.strip():
        return True
    if line.startswith("/"):
        try:
            say(obey(server, dialog, line.strip()))
        except EndOfChat:
            return False
        except KeyboardInterrupt:
            say("stopped")
        return True
    dialog.say(line)
    _answer(server, dialog, is_raw=is_raw)
    return True


def _answer(server: Answering, dialog: Dialog, *, is_raw: bool) -> None:
    """The next answer, or what came of it until Ctrl-C; a message that got none is taken back. Raises LsrvError."""
    is_rendered = may_draw(sys.stdout) and not is_raw
    spoken = Spoken()
    try:
        speak(server, dialog, screen_for(sys.stdout, is_rendered=is_rendered), spoken)
    except KeyboardInterrupt:
        spoken.finish_reason = "stopped"
    finally:
        if spoken.text:
            dialog.hear(spoken.text)
        else:
            dialog.unsay()
    note = "stopped" if spoken.finish_reason == "stopped" else spoken.note
    if is_rendered:
        Console().print(note, style="dim", highlight=False)
    elif note:
        say(note)

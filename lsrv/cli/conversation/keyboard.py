"""Lines that a person types: with history, editing and completion on a terminal that can, else one by one."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

from lsrv.cli.display.drawing import wants_plain

_PROMPT = "> "
ReadLine = Callable[[], str]


def keyboard(words: Sequence[str]) -> ReadLine:
    """Reads the next message. Raises EOFError at the end, KeyboardInterrupt for Ctrl-C. `words`: to be completed."""
    return _plain if wants_plain() else _editor(words)


def _plain() -> str:
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")  # input() edits lines with it
    return input(_PROMPT)


def _editor(words: Sequence[str]) -> ReadLine:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    keys.add("escape", "enter")(_newline)
    keys.add("enter")(_send)
    path = _history_file()
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(path)) if path is not None else InMemoryHistory(),
        key_bindings=keys,
        multiline=True,
        prompt_continuation="  ",
        completer=WordCompleter(list(words), sentence=True),
        complete_while_typing=False,
    )
    return lambda: session.prompt(_PROMPT)


def _history_file() -> Path | None:
    """A file that its user alone may read; None where it can't be written: what is typed is forgotten then."""
    import platformdirs

    path = platformdirs.user_state_path("lsrv") / "run_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("ab"):
            return path
    except OSError:
        return None

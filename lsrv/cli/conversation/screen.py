"""How an answer appears: Markdown that grows on a terminal, or the bare text wherever else it goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segments
from rich.text import Text

from lsrv.cli.conversation.blocks import cut
from lsrv.printable import printable

_KEPT = "\n\t\u200c\u200d"  # the last two join letters and emoji
_N_PER_S = 12


class Screen(Protocol):
    """Takes an answer piece by piece; `with` ends it, however it ends."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def think(self, text: str) -> None: ...
    def say(self, text: str) -> None: ...


class PlainScreen:
    """The text as it comes. On a terminal what a terminal obeys is shown, not done; elsewhere nothing is changed."""

    def __init__(self, stream: TextIO, *, shows_thoughts: bool) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._shows_thoughts = shows_thoughts
        self._state = ""
        self._ends_line = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ends_line:
            self._write("\n")

    def think(self, text: str) -> None:
        if self._shows_thoughts:
            self._begin("thinking")
            self._write(text)

    def say(self, text: str) -> None:
        if self._shows_thoughts and self._state == "thinking":
            self._write("\n" if self._ends_line else "\n\n")
        self._state = "saying"
        self._write(text)

    def _begin(self, state: str) -> None:
        if self._state != state:
            self._write("thinking: ")
        self._state = state

    def _write(self, text: str) -> None:
        if text:
            self._stream.write(printable(text, keep=_KEPT) if self._is_terminal else text)
            self._stream.flush()
            self._ends_line = text.endswith("\n")


class RichScreen:
    """Whole blocks are printed for good; the last one, which still grows, is drawn anew below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=True, refresh_per_second=_N_PER_S)
        self._thoughts = self._tail = ""
        self._is_thinking = False

    def __enter__(self) -> Self:
        self._live.start()
        self._live.update(Text("…", style="dim"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.update(Text(""))
        self._live.stop()
        self._print_thoughts(self._thoughts)
        if self._tail.strip():
            self._console.print(Markdown(self._tail))

    def think(self, text: str) -> None:
        self._thoughts += printable(text, keep=_KEPT)
        *lines, self._thoughts = self._thoughts.split("\n")
        if lines:
            self._print_thoughts("\n".join(lines))
        self._show(Text(self._thoughts, style="dim italic"))

    def say(self, text: str) -> None:
        if self._thoughts:
            self._print_thoughts(self._thoughts)
            self._thoughts = ""
        self._tail += printable(text, keep=_KEPT)
        if n_whole := cut(self._tail):
            whole, self._tail = self._tail[:n_whole], self._tail[n_whole:]
            if whole.strip():
                self._console.print(Markdown(whole))
                self._console.print()
        self._show(Markdown(self._tail) if self._tail.strip() else Text(""))

    def _print_thoughts(self, text: str) -> None:
        if text.strip():
            self._console.print(Text(text, style="dim italic"))

    def _show(self, block: RenderableType) -> None:
        self._live.update(Group(*_last_lines(self._console, block)))


def _last_lines(console: Console, block: RenderableType) -> Iterator[RenderableType]:
    """The end of `block`, as much as fits: a terminal can't redraw what has left it at the top."""
    n_most = max(console.size.height - 2, 1)
    lines = console.render_lines(block, pad=False)
    for line in lines[-n_most:]:
        yield Segments(line)


def screen_for(stream: TextIO = sys.stdout, *, is_rendered: bool, width: int | None = None) -> Screen:
    """A screen on `stream`; `is_rendered`: with Markdown, which terminals only can show."""
    if is_rendered:
        return RichScreen(Console(file=stream, width=width, highlight=False))
    return PlainScreen(stream, shows_thoughts=stream.isatty())

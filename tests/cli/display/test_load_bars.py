"""Bars of loading models, drawn into a terminal that is a text buffer."""

from __future__ import annotations

import io

from rich.console import Console

from lsrv.cli.display.load_bars import LoadBars
from lsrv.errors import LsrvError
from lsrv.protocol.events import Progress
from lsrv.registry import RegistryEvent


def test_a_bar_shows_the_model_and_the_stage_and_goes_when_the_load_ends() -> None:
    screen = io.StringIO()
    bars = LoadBars(Console(file=screen, force_terminal=True, width=80))
    bars.handle(RegistryEvent(kind="loading", model_id="id", listed_id="tiny"))
    bars.handle(RegistryEvent(kind="progress", model_id="id", listed_id="tiny", progress=Progress("weights", 0.5)))
    bars.handle(RegistryEvent(kind="loaded", model_id="id", listed_id="tiny", load_s=0.1))
    assert "loading tiny" in screen.getvalue()
    shown = len(screen.getvalue())
    bars.handle(RegistryEvent(kind="unloaded", model_id="id", listed_id="tiny"))
    bars.close()
    assert "loading" not in screen.getvalue()[shown:]


def test_a_load_that_fails_takes_only_its_own_bar_away() -> None:
    screen = io.StringIO()
    bars = LoadBars(Console(file=screen, force_terminal=True, width=80))
    bars.handle(RegistryEvent(kind="loading", model_id="a", listed_id="first"))
    bars.handle(RegistryEvent(kind="loading", model_id="b", listed_id="second"))
    bars.handle(RegistryEvent(kind="failed", model_id="a", listed_id="first", error=LsrvError("no").info()))
    before_close = len(screen.getvalue())
    bars.close()
    assert "second" in screen.getvalue()[before_close:]
    assert "first" not in screen.getvalue()[before_close:]


def test_what_is_printed_meanwhile_stands_on_lines_of_its_own() -> None:
    screen = io.StringIO()
    bars = LoadBars(Console(file=screen, force_terminal=True, width=80))
    bars.handle(RegistryEvent(kind="loading", model_id="id", listed_id="tiny"))
    bars.stand_aside(lambda: print("BANNER", file=screen))
    bars.close()
    before, after = screen.getvalue().split("BANNER\n")
    assert before.endswith("\x1b[2K")  # the bar's line was cleared, and the cursor is at its beginning
    assert "loading tiny" in after  # the load goes on, and so does its bar


def test_a_name_with_brackets_is_shown_as_it_is() -> None:
    screen = io.StringIO()
    bars = LoadBars(Console(file=screen, force_terminal=True, width=80))
    bars.handle(RegistryEvent(kind="loading", model_id="id", listed_id="a[/b]"))
    bars.close()
    assert "loading a[/b]" in screen.getvalue()

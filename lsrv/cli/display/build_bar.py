"""One bar for weights that are being built, on a terminal; lines per stage elsewhere. A signal gives up cleanly."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Generator
from types import FrameType

from lsrv.cli.display.drawing import may_draw
from lsrv.cli.display.say import say
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress
from lsrv.printable import printable

_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def build_bar() -> Generator[tuple[OnBuildProgress, Cancel], None, None]:
    """What the front door's steps are given: their progress is drawn on stderr; Ctrl-C or SIGTERM cancels them."""
    cancel = Cancel()

    def give_up(_number: int, _frame: FrameType | None) -> None:
        cancel.set()

    assert threading.current_thread() is threading.main_thread()  # signals are its business
    heeded = [number for number in _STOPS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup, `&` in a script
    before = {number: signal.signal(number, give_up) for number in heeded}
    try:
        if may_draw(sys.stderr):
            with _drawn() as on_progress:
                yield on_progress, cancel
        else:
            yield _said(), cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _drawn() -> Generator[OnBuildProgress, None, None]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, visible=False)

        def on_progress(progress: BuildProgress) -> None:
            text = printable(f"{progress.stage} {progress.what}")
            total = progress.n_bytes_total or None
            bars.update(task, description=text, completed=progress.n_bytes, total=total, visible=True)

        yield on_progress


def _said() -> OnBuildProgress:
    """One line on stderr when a stage begins: for logs and pipes."""
    said: set[str] = set()

    def on_progress(progress: BuildProgress) -> None:
        text = f"{progress.stage} {progress.what}"
        if text not in said:
            said.add(text)
            say(text, err=True)

    return on_progress

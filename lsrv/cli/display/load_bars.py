"""A bar for each model that is loading, on a terminal. Where there is none, log lines tell the same."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lsrv.printable import printable
from lsrv.registry import RegistryEvent


class LoadBars:
    """Takes the registry's events; draws below the log lines of `console`, and leaves nothing behind."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("loading {task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[stage]}"),
        )
        self._bars = Progress(
            *columns,
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else rich would send what is meant for a pipe to the console
        )
        self._tasks: dict[str, TaskID] = {}

    def handle(self, event: RegistryEvent) -> None:
        """Draw, move or remove the bar of the event's model."""
        match event.kind:
            case "loading":
                self._add(event.model_id, event.listed_id)
            case "progress":
                self._move(event)
            case "loaded" | "failed" | "crashed" | "unloaded":
                self._remove(event.model_id)
            case "status":
                pass  # the same from the clients' side

    def stand_aside(self, write: Callable[[], None]) -> None:
        """Have `write` print while no bar is drawn: it writes to the terminal past them, into their lines."""
        self._bars.stop()
        write()
        if self._tasks:
            self._bars.start()

    def close(self) -> None:
        """Remove every bar."""
        self._bars.stop()

    def _add(self, model_id: str, listed_id: str) -> None:
        if model_id not in self._tasks:
            self._tasks[model_id] = self._bars.add_task(printable(listed_id), total=None, stage="")
            self._bars.start()

    def _move(self, event: RegistryEvent) -> None:
        task = self._tasks.get(event.model_id)
        if task is not None and event.progress is not None:
            self._bars.update(task, total=1.0, completed=event.progress.fraction, stage=event.progress.stage)

    def _remove(self, model_id: str) -> None:
        task = self._tasks.pop(model_id, None)
        if task is not None:
            self._bars.remove_task(task)
        if not self._tasks:
            self._bars.stop()

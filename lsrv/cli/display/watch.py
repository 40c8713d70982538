"""`lsrv ps --watch`: a server's events as a table that stays true, or as lines. A signal or the server ends both."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import threading
import time
from collections.abc import Generator, Iterator

from lsrv.cli.client import JsonObject, ServerClient
from lsrv.cli.display.models_table import listed, models_table
from lsrv.cli.display.say import say
from lsrv.cli.display.table import duration
from lsrv.errors import ServerError
from lsrv.printable import printable

_PATH = "/admin/events"
_FETCH_S = 0.5  # the table is asked for at most this often, however much happens
_TICK_S = 0.25

ReceivedEvent = tuple[str, JsonObject]


def show_lines(client: ServerClient, *, as_json: bool) -> None:
    """A line per event, for pipes and logs; JSON has every event, text what a person wants to read."""
    stages: dict[str, str] = {}
    with _until_stopped():
        for name, data in client.events(_PATH):
            if as_json:
                say(json.dumps({"event": name} | data))
                continue
            for text in event_lines(name, data, stages):
                say(f"{time.strftime('%H:%M:%S')} {printable(text)}")
        _say_end(client)


def show_table(client: ServerClient) -> None:
    """The table of `lsrv ps`, redrawn when something happens."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    steps: dict[str, str] = {}
    fetched_s, is_stale, models = 0.0, True, list[JsonObject]()
    inbox = _Inbox(client)
    console = Console()
    with _until_stopped(), Live(console=console, auto_refresh=False) as live:
        for events in inbox.batches():
            for name, data in events:
                _note_step(steps, name, data)
            is_stale = is_stale or bool(events)
            if is_stale and time.monotonic() - fetched_s >= _FETCH_S:
                models, fetched_s, is_stale = listed(client), time.monotonic(), False
            table = models_table(models, steps, console.width)
            live.update(Text(table, no_wrap=True, overflow="ellipsis"), refresh=True)
        live.stop()
        _say_end(client)


def _say_end(client: ServerClient) -> None:
    """The last table or line would else look as if it still held."""
    say(f"the server at {client.url} has ended", err=True)


def event_lines(name: str, data: JsonObject, stages: dict[str, str]) -> Iterator[str]:
    """What a person reads of one event. `stages` remembers which stage of a load was told last."""
    match name:
        case "snapshot":
            yield from (f"{model['id']} {model['status']}" for model in data["models"])
        case "status":
            stages.pop(data["model_id"], None)
            yield f"{data['model_id']} {data['status']}{_why(data)}"
        case "progress" if stages.get(data["model_id"]) != data["stage"]:
            stages[data["model_id"]] = data["stage"]
            yield f"{data['model_id']} loading: {data['stage']} {data['what']}".rstrip()
        case "request_finished":
            n_prompt, n_written = data.get("n_prompt_tokens"), data.get("n_completion_tokens")
            tokens = f", {n_prompt or 0} + {n_written or 0} tokens" if n_prompt or n_written else ""
            error = f", {data['error']}" if data.get("error") else ""
            took = f"{data['seconds']:.3f}s"
            yield f"{data['model_id']} {data['route']} {data['status']} in {took}{tokens}{error} {data['request_id']}"
        case "dropped":
            yield f"{data['n_events']} events came too fast and are left out"
        case _:
            return


def _why(data: JsonObject) -> str:
    if data["status"] == "loaded" and data.get("load_s") is not None:
        return f" in {duration(data['load_s'])}"
    error: JsonObject = data.get("error") or {}
    reason = data.get("reason") or error.get("message")
    return f": {reason}" if reason else ""


def _note_step(steps: dict[str, str], name: str, data: JsonObject) -> None:
    if name == "progress":
        steps[data["model_id"]] = f"{data['stage']} {data['fraction']:.0%}"
    elif name == "status":
        steps.pop(data["model_id"], None)


@contextlib.contextmanager
def _until_stopped() -> Generator[None]:
    """Ctrl-C ends a watch, and so does SIGTERM, for who ignores Ctrl-C (`nohup`, `&` in a script). It is no failure."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # raises KeyboardInterrupt
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Inbox:
    """Events read by a thread, so that the table can be redrawn meanwhile."""

    def __init__(self, client: ServerClient) -> None:
        self._events: queue.SimpleQueue[ReceivedEvent | ServerError | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(client,), daemon=True).start()

    def batches(self) -> Iterator[list[ReceivedEvent]]:
        """What has come, every quarter of a second or sooner; ends with the stream. Raises ServerError."""
        while True:
            batch: list[ReceivedEvent] = []
            with contextlib.suppress(queue.Empty):
                while True:
                    event = self._events.get(timeout=0 if batch else _TICK_S)
                    if isinstance(event, ServerError):
                        raise event
                    if event is None:
                        yield batch
                        return
                    batch.append(event)
            yield batch

    def _read(self, client: ServerClient) -> None:
        try:
            for event in client.events(_PATH):
                self._events.put(event)
            self._events.put(None)
        except ServerError as error:
            self._events.put(error)

"""Who answers a conversation: a server that runs, or one of our own for the time, in this process, without a port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Protocol, TypeVar
from urllib.parse import quote

import msgspec

from lsrv.cli.client import JsonObject, ServerClient
from lsrv.errors import ConfigError, LsrvError, ServerError
from lsrv.registry import RegistryEvent
from lsrv.runner.entries import Entries
from lsrv.runner.loop_thread import LoopThread
from lsrv.runner.runner_error import RunnerError
from lsrv.runner.session import Session

T = TypeVar("T")


class Answering(Protocol):
    """A server, wherever it is. Everything raises LsrvError with what it said."""

    def get(self, path: str) -> JsonObject: ...

    def post(self, path: str, body: JsonObject) -> JsonObject: ...

    def stream(self, path: str, body: JsonObject) -> Iterator[JsonObject]:
        """The chunks of an answer. Whoever stops taking them ends the request."""
        ...

    def knows(self, model: str) -> bool: ...

    def add(self, entry: JsonObject) -> None:
        """Serve one more entry, as in `[[models]]`."""
        ...

    def ready(self, model: str | None) -> None:
        """Have a model in memory before somebody types, where that is ours to do."""
        ...

    def close(self) -> None: ...


class RunningServer:
    """A server that somebody started."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client
        self.get, self.post, self.stream = client.get, client.post, client.stream

    def knows(self, model: str) -> bool:
        """Whether it serves something of that name; asks it. Raises LsrvError if it can't be asked."""
        return any(model in _names(each) for each in _list(self._client.get("/v1/models"))) or self._has_adapter(model)

    def _has_adapter(self, model: str) -> bool:
        try:
            return "id" in self._client.get(f"/v1/models/{quote(model)}")
        except LsrvError:
            return False

    def add(self, entry: JsonObject) -> None:
        raise ServerError(
            f"the server at {self._client.url} does not serve {entry['model_id']}; add it to its models.toml, "
            "or stop the server: then lsrv run loads the model itself"
        )

    def ready(self, model: str | None) -> None:
        """Nothing: its first request loads it."""

    def close(self) -> None:
        """Nothing: it goes on without us."""


class OwnServer:
    """The server's registry, workers and handlers in this process, and no port."""

    def __init__(self, entries: Entries) -> None:
        self._session = Session(entries)
        self._loop = LoopThread("lsrv-run")

    def start(self, on_event: Callable[[RegistryEvent], None]) -> None:
        """Start it; nothing is loaded yet. `on_event` is called in a thread of its own. Raises ConfigError."""
        registry = self._wait(self._session.registry())
        registry.watch(on_event)

    def get(self, path: str) -> JsonObject:
        return self._asked("GET", path, None)

    def post(self, path: str, body: JsonObject) -> JsonObject:
        return self._asked("POST", path, body)

    def stream(self, path: str, body: JsonObject) -> Iterator[JsonObject]:
        try:
            for data in self._loop.iterate(self._events(path, body)):
                yield msgspec.json.decode(data)
        except RunnerError as error:
            raise _told(error) from error

    def knows(self, model: str) -> bool:
        try:
            return "id" in self.get(f"/v1/models/{quote(model)}")
        except LsrvError:
            return False

    def add(self, entry: JsonObject) -> None:
        self._wait(self._session.change(self._session.entries.with_added(entry)))

    def ready(self, model: str | None) -> None:
        answer = self.post("/v1/models/load", {"model_id": model or "default"})
        if error := answer.get("error"):
            raise ServerError(str(error))

    def close(self) -> None:
        """End every worker, and wait for that."""
        if self._loop.is_running:
            self._loop.wait(self._session.close())
        self._loop.close()

    async def _events(self, path: str, body: JsonObject) -> AsyncGenerator[bytes]:
        async with contextlib.aclosing((await self._session.handlers()).events(path, body)) as events:
            async for event in events:
                yield event

    def _asked(self, method: str, path: str, body: JsonObject | None) -> JsonObject:
        async def ask() -> bytes:
            return await (await self._session.handlers()).ask(method, path, body)

        return msgspec.json.decode(self._wait(ask()))

    def _wait(self, work: Coroutine[object, object, T]) -> T:
        try:
            return self._loop.wait(work)
        except RunnerError as error:
            raise _told(error) from error


def _told(error: RunnerError) -> LsrvError:
    """The same in the words of a command's errors."""
    return (ConfigError if error.code == ConfigError.code else ServerError)(error.message)


def _list(answer: JsonObject) -> list[JsonObject]:
    found = answer.get("data")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _names(model: JsonObject) -> list[object]:
    aliases = model.get("aliases")
    return [model.get("id"), model.get("root"), *(aliases if isinstance(aliases, list) else [])]

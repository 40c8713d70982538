"""One registry with its handlers in the caller's event loop: started by the first who needs it, closed once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Generator

from lsrv.api import life
from lsrv.api.admin.reload import reload_settings
from lsrv.api.app import create_gate, create_state
from lsrv.api.http.errors import error_message, status_of
from lsrv.api.state import ServerState
from lsrv.errors import LsrvError
from lsrv.registry import Registry, assemble
from lsrv.runner.entries import Entries
from lsrv.runner.handlers import Handlers
from lsrv.runner.runner_error import RunnerError

_log = logging.getLogger(__name__)


class Session:
    """The models of `entries`, served to this process alone."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._turn = asyncio.Lock()
        self._state: ServerState | None = None
        self._handlers: Handlers | None = None
        self._is_closed = False

    async def handlers(self) -> Handlers:
        """Who answers requests. Raises RunnerError if the config is wrong, or this is closed."""
        await self.state()
        assert self._handlers is not None
        return self._handlers

    async def registry(self) -> Registry:
        return (await self.state()).registry

    async def state(self) -> ServerState:
        async with self._turn:
            if self._is_closed:
                raise RunnerError("This Runner is closed; make a new one.", code="closed", status=503)
            if self._state is None:
                self._state = await self._started()
            return self._state

    async def change(self, entries: Entries) -> None:
        """Serve other entries from the next request on. Raises RunnerError, and changes nothing then."""
        async with self._turn:
            state, before = self._state, self._entries
            self._entries = entries
            if state is None:
                return
            try:
                with in_runners_words():
                    report = await reload_settings(state)
            except RunnerError:
                self._entries = before
                raise
        _tell(report.warnings)

    @property
    def entries(self) -> Entries:
        return self._entries

    async def close(self) -> None:
        """End what runs, every worker and all that is kept open. May be called twice."""
        async with self._turn:
            self._is_closed = True
            state, self._state = self._state, None
        if state is not None:
            await life.close(state)

    async def _started(self) -> ServerState:
        if not self._entries:
            raise RunnerError("No models yet: add_model(MODEL), or Runner.from_config(FILE).", code="no_models")
        with in_runners_words():
            loaded = await asyncio.to_thread(self._entries.read)
            _tell(loaded.warnings)
            registry = assemble(loaded.settings)
            state = create_state(registry, loaded.settings, lambda: self._entries.read())
        server = loaded.settings.server
        keys = (*server.admin_keys, *server.api_keys)
        self._handlers = Handlers(create_gate(state), keys[0] if keys else None)
        try:
            await life.start(state)
        except BaseException:
            await life.close(state)
            raise
        return state


@contextlib.contextmanager
def in_runners_words() -> Generator[None]:
    """Raise what lsrv raises within as RunnerError."""
    try:
        yield
    except LsrvError as error:
        raise RunnerError(
            error_message(error), code=error.code, status=status_of(error), param=error.param, fields=error.fields
        ) from error


def _tell(warnings: list[str]) -> None:
    for warning in warnings:
        _log.warning("%s", warning)

"""A remote server behind an entry: places, health, and the calls of its leases. Nothing is loaded, nothing unloaded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from typing import TYPE_CHECKING

from lsrv.config import ModelSettings
from lsrv.errors import (
    ErrorInfo,
    LsrvError,
    PromptTooLongError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
    from_info,
)
from lsrv.registry.endpoints.endpoint import OpenAIBody
from lsrv.registry.endpoints.waiting import Standing, Turn
from lsrv.registry.entries import refusals, retry_times
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.view import EntryView, Status, endpoint_status
from lsrv.registry.offered_adapters import OfferedAdapter
from lsrv.registry.upstream.capacity import Places
from lsrv.registry.upstream.circuit import CallOutcome, Circuit
from lsrv.registry.upstream.failures import Server
from lsrv.registry.upstream.lease import UpstreamLease

if TYPE_CHECKING:
    from lsrv.registry.upstream.connection import UpstreamConnection

_SIGNS_OF_LIFE = (UpstreamRefusedError, UpstreamBusyError, PromptTooLongError)

_log = logging.getLogger(__name__)


class UpstreamEndpoint:
    """Owned by the event loop. `on_left` is called whenever a request has left, `on_status` with every new status."""

    takes_openai_bodies = True
    sends_away = True
    is_settled = True
    adapters: tuple[OfferedAdapter, ...] = ()

    def __init__(
        self,
        settings: ModelSettings,
        on_left: Callable[[], None],
        on_status: Callable[[UpstreamEndpoint], None],
        created: int,
    ) -> None:
        assert settings.upstream is not None
        self.settings = settings
        self._upstream = upstream = settings.upstream
        key = os.environ.get(upstream.api_key_env, "").strip() if upstream.api_key_env is not None else None
        self._server = Server(settings.listed_id, upstream.base_url, upstream.api_key_env, key or None)
        self._on_left = on_left
        self._on_status = on_status
        self._created = created
        self._connection: UpstreamConnection | None = None
        self._places = Places(upstream.max_concurrency) if upstream.max_concurrency else None
        self._circuit = Circuit()
        self._is_enabled = settings.enabled
        self._holds: dict[asyncio.Timeout, ErrorInfo | None] = {}  # running and waiting requests; how they were ended
        self._mean_request_s = 0.0
        self._last_used_s = -math.inf
        self._told_status = self.status
        if upstream.api_key_env is not None and key == "":
            _log.warning(
                "no key for upstream", extra={"model_id": settings.listed_id, "variable": upstream.api_key_env}
            )

    @property
    def is_idle(self) -> bool:
        """Whether no request runs or waits."""
        return not self._holds

    @property
    def failure(self) -> ErrorInfo | None:
        """What keeps requests from being sent."""
        missing = self._missing_key()
        return missing if missing is not None else self._circuit.failure if self._circuit.is_open else None

    @property
    def status(self) -> Status:
        """The word that clients read."""
        if not self._is_enabled:
            return "disabled"
        return "loaded" if self.failure is None else "error"

    @contextlib.asynccontextmanager
    async def acquire(self, turn: Turn) -> AsyncGenerator[UpstreamLease]:
        """A place among the requests to the server; waits for its turn.

        Raises ModelDisabledError, QueueFullError, UpstreamError where the key is missing or the circuit is open.
        """
        self._refuse()
        hold = asyncio.timeout(None)
        try:
            async with hold:
                self._holds[hold] = None
                async with self._place(turn.priority):
                    lease = UpstreamLease(self.settings, self._server, self)
                    try:
                        yield lease
                    finally:
                        await lease.close()
        except TimeoutError:
            if (error := self._holds[hold]) is None:
                raise
            raise from_info(error) from None
        finally:
            self._holds.pop(hold, None)
            self._on_left()

    async def end_all(self, error: ErrorInfo) -> None:
        """End what runs and waits with `error`."""
        now_s = asyncio.get_running_loop().time()
        for hold in [hold for hold, ended in self._holds.items() if ended is None]:
            self._holds[hold] = error
            hold.reschedule(now_s)

    @property
    def is_enabled(self) -> bool:
        """Whether it serves: as its settings say, or an operator has said since."""
        return self._is_enabled

    async def set_enabled(self, is_enabled: bool) -> EntryView:
        """Serve, or refuse requests from now on, those that wait included; those that run go on."""
        self.switch(is_enabled)
        return self.view()

    def switch(self, is_enabled: bool) -> None:
        """The same, for those who need no view."""
        self._is_enabled = is_enabled
        if not is_enabled and self._places is not None:
            self._places.refuse(from_info(refusals.disabled(self.settings.listed_id)))
        self._tell_status()

    async def load(self) -> EntryView:
        """Forget past failures: the next request is sent."""
        self._circuit = Circuit()
        self._tell_status()
        return self.view()

    async def unload(self, *, force: bool) -> EntryView:
        """Raises NothingToLoadError."""
        raise self._nothing_to_load()

    def entry(self) -> Entry:
        """Raises NothingToLoadError."""
        raise self._nothing_to_load()

    def standing(self, turn: Turn) -> Standing | None:
        """Nothing is known of what happens over there."""
        return None

    async def close(self) -> None:
        """Close the connections. After `end_all`, or when it is idle."""
        if self._connection is not None:
            await self._connection.close()

    def view(self) -> EntryView:
        """A snapshot of the entry and of its server's health."""
        now_s = asyncio.get_running_loop().time()
        n_waiting = self._places.n_waiting if self._places is not None else 0
        return EntryView(
            model_id=self.settings.model_id,
            listed_id=self.settings.listed_id,
            aliases=self.settings.alias,
            display_name=self.settings.display_name,
            description=self.settings.description,
            kind="upstream",
            capabilities=("completion", "chat", "tools"),
            owned_by=self._upstream.owned_by,
            status=self.status,
            endpoint_status=endpoint_status(self.status),
            error=self.failure,
            n_running=len(self._holds) - n_waiting,
            n_waiting=n_waiting,
            last_used_s_ago=now_s - self._last_used_s if math.isfinite(self._last_used_s) else None,
            retry_in_s=max(0.0, self._circuit.open_until_s - now_s) if self._circuit.is_open else None,
            created=self._created,
        )

    # -- calls of leases ---------------------------------------------------------------------------

    async def ask(self, path: str, body: OpenAIBody) -> OpenAIBody:
        """The answer to `body`. Raises an UpstreamError."""
        from lsrv.registry.upstream.call import ask

        with self._told():
            return await ask(self._connected(), self._server, path, body)

    @contextlib.asynccontextmanager
    async def open_stream(self, path: str, body: OpenAIBody) -> AsyncGenerator[AsyncIterator[list[OpenAIBody]]]:
        """Batches of chunks of the answer to `body`. Raises an UpstreamError."""
        from lsrv.registry.upstream.call import open_stream

        with self._told():
            async with open_stream(self._connected(), self._server, path, body) as batches:
                yield batches

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        """One call, whose end the circuit learns. Raises UpstreamUnavailableError if it may not be made."""
        now_s = asyncio.get_running_loop().time
        self._refuse_if_open(now_s())
        self._circuit = self._circuit.began()
        was_probe, outcome, failure = self._circuit.is_probing, CallOutcome.NOTHING, None
        try:
            yield
            outcome = CallOutcome.SUCCESS
        except _SIGNS_OF_LIFE:
            outcome = CallOutcome.SUCCESS
            raise
        except UpstreamError as error:
            outcome, failure = CallOutcome.FAILURE, error.info()
            raise
        finally:
            self._note(outcome, failure, now_s(), was_probe=was_probe)

    def _note(self, outcome: CallOutcome, failure: ErrorInfo | None, now_s: float, *, was_probe: bool) -> None:
        before, self._circuit = self._circuit, self._circuit.ended(outcome, failure, now_s, was_probe=was_probe)
        self._last_used_s = now_s
        if self._circuit.n_openings > before.n_openings and failure is not None:
            extra = {"model_id": self.settings.listed_id, "reason": failure.message}
            _log.warning("upstream fails", extra=extra | {"retry_in_s": self._circuit.wait_s(now_s)})
        elif before.is_open and not self._circuit.is_open:
            _log.info("upstream answers again", extra={"model_id": self.settings.listed_id})
        self._tell_status()

    def _tell_status(self) -> None:
        if self.status != self._told_status:
            self._told_status = self.status
            self._on_status(self)

    def _connected(self) -> UpstreamConnection:
        if self._connection is None:
            from lsrv.registry.upstream.connection import UpstreamConnection

            self._connection = UpstreamConnection(self._server, self._upstream)
        return self._connection

    # -- who is let in -----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _place(self, priority: int) -> AsyncGenerator[None]:
        places = self._places
        if places is None:
            yield
            return
        if places.are_taken and places.n_waiting >= self.settings.queue:
            raise from_info(self._queue_full(places.n_waiting))
        await places.acquire(priority)
        began_s = asyncio.get_running_loop().time()
        try:
            self._refuse()  # while it waited, much may have happened
            yield
        finally:
            places.release()
            request_s = asyncio.get_running_loop().time() - began_s
            self._mean_request_s = retry_times.smoothed(self._mean_request_s, request_s)

    def _refuse(self) -> None:
        if not self._is_enabled:
            raise from_info(refusals.disabled(self.settings.listed_id))
        if (missing := self._missing_key()) is not None:
            raise from_info(missing)
        self._refuse_if_open(asyncio.get_running_loop().time())

    def _refuse_if_open(self, now_s: float) -> None:
        circuit = self._circuit
        if circuit.admits(now_s):
            return
        wait_s = math.ceil(circuit.wait_s(now_s))
        reason = circuit.failure.message if circuit.failure is not None else "no reason is known"
        raise UpstreamUnavailableError(
            f"{self._server} failed {circuit.n_failures} times in a row and is left alone for {wait_s} s: {reason}",
            retry_after_s=wait_s,
        )

    def _queue_full(self, n_waiting: int) -> ErrorInfo:
        n_places = self._upstream.max_concurrency
        retry_after_s = retry_times.retry_after_s(n_waiting, n_places, self._mean_request_s)
        return refusals.queue_full(self.settings.listed_id, n_places, n_waiting, retry_after_s)

    def _nothing_to_load(self) -> LsrvError:
        return from_info(refusals.nothing_to_load(self.settings.listed_id))

    def _missing_key(self) -> ErrorInfo | None:
        variable = self._server.api_key_env
        if variable is None or self._server.key is not None:
            return None
        return UpstreamError(
            f"{self._server} needs a key, and the variable {variable}, which api_key_env names, is not set: "
            "set it, and restart lsrv"
        ).info()

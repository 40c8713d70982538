"""All upstreams of a server, by the model_id of their entry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from lsrv.config import ModelSettings, Settings
from lsrv.model_id import ModelId
from lsrv.registry.entries.watchers import RegistryEvent, Watcher
from lsrv.registry.upstream.endpoint import UpstreamEndpoint


class Upstreams:
    """Owned by the event loop, like the registry whose part it is. `on_left`: a request has left one of them."""

    def __init__(self, settings: Settings, on_left: Callable[[], None], on_event: Watcher, created: int) -> None:
        self._on_left = on_left
        self._on_event = on_event
        self._created = created
        self._endpoints = {model.model_id: self._new(model) for model in settings.models if model.upstream}
        self._leaving: set[UpstreamEndpoint] = set()  # no longer in the settings, and not idle yet
        self._closing: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[UpstreamEndpoint]:
        """Upstreams of the settings, and those that serve their last requests."""
        return iter([*self._endpoints.values(), *self._leaving])

    def configure(self, settings: Settings) -> None:
        """Take new settings. An entry that is changed or gone serves the requests it has to their end."""
        before, self._endpoints = self._endpoints, {}
        for model in settings.models:
            if model.upstream is None:
                continue
            known = before.get(model.model_id)
            is_kept = known is not None and known.settings == model
            self._endpoints[model.model_id] = known if is_kept else self._next(known, model)
        self._leaving |= set(before.values()) - set(self._endpoints.values())
        self._left()

    def get(self, model_id: ModelId) -> UpstreamEndpoint | None:
        """The endpoint behind an entry; None for entries of this machine."""
        return self._endpoints.get(model_id)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*self._closing, *(endpoint.close() for endpoint in self))

    def _next(self, known: UpstreamEndpoint | None, model: ModelSettings) -> UpstreamEndpoint:
        """What answers from now on: on or off as before, unless the settings say that anew."""
        endpoint = self._new(model)
        if known is not None and known.settings.enabled == model.enabled:
            endpoint.switch(known.is_enabled)
        return endpoint

    def _new(self, model: ModelSettings) -> UpstreamEndpoint:
        return UpstreamEndpoint(model, self._left, self._tell_status, self._created)

    def _tell_status(self, endpoint: UpstreamEndpoint) -> None:
        """Tell those who watch, unless the entry has gone or another endpoint stands behind it."""
        settings = endpoint.settings
        if self.get(settings.model_id) is endpoint:
            self._on_event(
                RegistryEvent(
                    kind="status",
                    model_id=settings.model_id,
                    listed_id=settings.listed_id,
                    status=endpoint.status,
                    error=endpoint.failure,
                )
            )

    def _left(self) -> None:
        """A request has left: it may have been the last one of an endpoint that is to go."""
        for endpoint in [each for each in self._leaving if each.is_idle]:
            self._leaving.discard(endpoint)
            task = asyncio.create_task(endpoint.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._on_left()

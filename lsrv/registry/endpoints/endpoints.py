"""What serves each entry, by its canonical id: the one place where families of endpoints come together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from lsrv.errors import ErrorInfo, from_info
from lsrv.model_id import ModelId
from lsrv.registry.endpoints.endpoint import Endpoint, EndpointFamily
from lsrv.registry.entries import refusals
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.view import EntryView
from lsrv.registry.names import Names


class Endpoints:
    """Endpoints of all `families`; the first that has an id serves it: an entry that leaves may have a successor."""

    def __init__(self, names: Names, families: Sequence[EndpointFamily]) -> None:
        self._names = names
        self._families = families

    def __iter__(self) -> Iterator[Endpoint]:
        """Endpoints that serve, and those that are on their way out."""
        return (endpoint for family in self._families for endpoint in family)

    def of(self, model_id: ModelId) -> Endpoint:
        """What serves an entry. Raises ModelNotFoundError for one that has gone meanwhile."""
        for family in self._families:
            if (endpoint := family.get(model_id)) is not None:
                return endpoint
        raise from_info(refusals.removed(model_id))

    def entry(self, model_id: ModelId) -> Entry:
        """An entry of this machine. Raises ModelNotFoundError, and NothingToLoadError for any other one."""
        return self.of(model_id).entry()

    def views(self) -> list[EntryView]:
        """Every entry that clients can name, in config order."""
        return [self.of(model_id).view() for model_id in self._names.model_ids]

    @property
    def are_idle(self) -> bool:
        """Whether no request runs or waits."""
        return all(endpoint.is_idle for endpoint in self)

    @property
    def are_settled(self) -> bool:
        """Whether nothing is being loaded or unloaded."""
        return all(endpoint.is_settled for endpoint in self)

    async def end_all(self, error: ErrorInfo) -> None:
        """End what runs and waits with `error`, and free all memory."""
        await asyncio.gather(*(endpoint.end_all(error) for endpoint in self))

    async def close(self) -> None:
        """Leave nothing behind. After `end_all`."""
        await asyncio.gather(*(family.close() for family in self._families))

"""A request on its way to one entry: its adapters are chosen, and settings make commands of it."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from lsrv.config import ModelSettings
from lsrv.model_id import ModelId
from lsrv.protocol.commands import AdapterChoice, Generate
from lsrv.registry import Registry, Target, Turn
from lsrv.serving.adapters import chosen_adapters
from lsrv.serving.defaults import fill_defaults
from lsrv.serving.request import GenerationRequest


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """`seed` is the server's, for requests and entries that say none."""

    request: GenerationRequest
    model_id: ModelId
    adapters: list[AdapterChoice]
    turn: Turn
    seed: int | None

    def commands(self, settings: ModelSettings) -> list[Generate]:
        """What the entry is asked under `settings`: those of the lease, for they may change while it is waited for."""
        request, priority = self.request, self.turn.priority
        filled = (
            fill_defaults(command, settings.defaults, seed=self.seed, choice=i % request.n_choices)
            for i, command in enumerate(request.commands)
        )
        return [replace(command, adapters=self.adapters, priority=priority) for command in filled]


def entry_request(
    registry: Registry, request: GenerationRequest, target: Target, turn: Turn, seed: int | None
) -> EntryRequest:
    """`request` for `target`. Raises RequestError for adapters that it does not offer."""
    adapters = chosen_adapters(request.adapters, target.adapter, registry.adapters.of(target.model_id))
    return EntryRequest(request, target.model_id, adapters, turn, seed)

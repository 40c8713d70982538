"""A loop over leases of the registry."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from functools import partial

from lsrv.protocol.commands import Generate
from lsrv.registry import Registry
from lsrv.serving.choice_streams import ChoiceStreams
from lsrv.serving.entry_request import EntryRequest
from lsrv.serving.tool_loop.loop import LoopLimits, ToolLoop
from lsrv.serving.tool_loop.toolbox import Toolbox


def tool_source(registry: Registry, asked: EntryRequest, toolbox: Toolbox, limits: LoopLimits) -> ToolLoop:
    """The events of `asked`, whose model may use `toolbox`."""
    return ToolLoop(partial(_round, registry), asked, toolbox, limits)


@contextlib.asynccontextmanager
async def _round(registry: Registry, asked: EntryRequest) -> AsyncGenerator[tuple[ChoiceStreams, list[Generate]]]:
    async with registry.acquire(asked.model_id, asked.turn) as lease:
        commands = asked.commands(lease.settings)
        async with ChoiceStreams(lease, commands) as choices:
            yield choices, commands

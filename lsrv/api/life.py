"""What begins and ends with one server's state, whoever asks it: over sockets, or in the caller's own process."""

from __future__ import annotations

import asyncio

from lsrv.api.admin.discovering import keep_looking
from lsrv.api.state import ServerState
from lsrv.registry import forget_prompts
from lsrv.threads import in_thread


async def start(state: ServerState) -> None:
    """Start the registry; what was kept for longer than the settings allow goes."""
    await state.registry.start()
    state.search = asyncio.create_task(keep_looking(state))
    state.mcp.start()
    state.responses.forget_unused()
    state.shelf.forget_unused()
    if not state.settings.server.cache_disk_bytes:
        in_thread(forget_prompts)


async def drain(state: ServerState) -> None:
    """Refuse what is new and wait for what runs, at most `drain_timeout`; watchers learn that nothing more comes."""
    state.is_draining = True
    await state.registry.drain(state.settings.server.drain_timeout_s)
    state.feed.close()


async def close(state: ServerState) -> None:
    """End all that goes on behind answers, then every worker, then what is kept. Also after a start that failed."""
    if state.search is not None:
        state.search.cancel()
        await asyncio.wait([state.search])
    if state.mcp_door is not None:
        await state.mcp_door.close()
    await state.shadows.close()
    await state.outliving.close()
    await state.streams.close()
    await asyncio.gather(state.registry.close(), state.mcp.close())
    await state.responses.close()
    await state.shelf.close()

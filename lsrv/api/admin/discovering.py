"""Serving what is found on this disk while the server runs: what comes is served, what is gone is served no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from lsrv.api.admin.reload import go_by
from lsrv.api.state import ServerState
from lsrv.errors import DrainingError, ServerError
from lsrv.registry import FoundModel

_log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_AGAIN_S = 3.0
_N_PAUSES = 10  # a disk that takes long to look through is left alone for so many times as long
_LOOK_S = 20.0  # a drive that hangs keeps nobody waiting for longer


async def found_models(state: ServerState) -> list[FoundModel]:
    """Every model on this disk, served or not. Raises ServerError where the disk does not answer."""
    async with state.reload_turn:
        return await _look(state, state.discovery.everything)


async def serve_found(state: ServerState, name: str) -> FoundModel:
    """Serve one of them for this run. Raises ModelNotFoundError, ServerError, DrainingError."""
    async with state.reload_turn:
        picked = await _look(state, lambda: state.discovery.pick(name))
        if picked.served_as is None:
            await go_by(state, await _look(state, state.discovery.settings))
            _log.info("serves a found model", extra={"model_id": picked.names[0], "in": picked.weights.program})
    return picked


async def keep_looking(state: ServerState) -> None:
    """Serve what comes to this disk and drop what is gone, for as long as the settings ask for it, until cancelled."""
    loop, is_sick = asyncio.get_running_loop(), False
    while True:
        began = loop.time()
        try:
            if state.discovery.is_wanted:
                await _look_once(state)
            is_sick = False
        except DrainingError:
            return
        except Exception as error:  # noqa: BLE001  # the next look may go well; what is served stays as it was
            if not is_sick:
                _log.warning("can't look for models on this disk", extra={"reason": str(error)})
            is_sick = True
        await asyncio.sleep(max(LOOK_AGAIN_S, _N_PAUSES * (loop.time() - began)))


async def _look_once(state: ServerState) -> None:
    async with state.reload_turn:
        before = state.settings
        settings = await _look(state, state.discovery.settings)
        if settings.models == before.models:
            return
        change = await go_by(state, settings)
    for model in change.added:
        _log.info("found a model on this disk", extra={"model_id": model.listed_id})
    for model in change.removed:
        _log.info("a found model is gone from this disk", extra={"model_id": model.listed_id})


async def _look(state: ServerState, work: Callable[[], T]) -> T:
    try:
        async with asyncio.timeout(_LOOK_S):
            return await state.looks.run("found", work)
    except TimeoutError:
        raise ServerError(f"This disk was not looked through within {_LOOK_S:g} s; it is slow, or hangs.") from None

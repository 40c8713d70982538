"""From settings to a server that runs: log lines, bars, banner, event loop. All commands that serve end here."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

from rich.console import Console

import lsrv
from lsrv import log
from lsrv.api import ReadSettings, run_server
from lsrv.cli.display.banner import Finding, banner, found_note, nothing_found_note, typeable
from lsrv.cli.display.drawing import may_draw
from lsrv.cli.display.load_bars import LoadBars
from lsrv.cli.display.preload_room import preload_warnings
from lsrv.cli.display.say import say
from lsrv.cli.service.notify import READY, STOPPING, notify, tell_alive
from lsrv.config import LoadedSettings, ModelSettings, Settings
from lsrv.errors import ConfigError, LsrvError
from lsrv.outlet import Outlet
from lsrv.registry import Discovery, Registry, RegistryEvent, assemble, finding
from lsrv.threads import Lanes, in_thread

_log = logging.getLogger(__name__)

_LOOK_S = 20.0  # a drive that hangs must not keep the banner back
_N_LOOKS = 4
_LAST_LINES_S = 1.0  # for what is said at the end to be read


class _SlowDiskError(LsrvError):
    """Nothing is known of an entry's files yet: they may be there."""


def serve_until_stopped(
    loaded: LoadedSettings,
    reread: ReadSettings | None = None,
    *,
    needs_all: bool = False,
    instead_of_nothing: LoadedSettings | None = None,
) -> NoReturn:
    """Serve until a signal comes, then exit with the server's code. Raises ConfigError if it can't start.

    `reread` loads the settings again, for a reload; None: they came from no file. `needs_all`: entries whose weights
    can't be found are a reason not to start; raises what was found of the first. `instead_of_nothing`: what is served
    where `loaded` lists no models and none are found.
    """
    outlet = log.configure(loaded.settings.server.access_log_format)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            served = runner.run(_with_found(loaded, instead_of_nothing))
            code = runner.run(_serve(served, reread or served.reread, outlet, needs_all=needs_all))
    finally:
        is_written = outlet.close(_LAST_LINES_S)
    if not is_written:
        os._exit(code)  # nobody reads what we write: an orderly exit would wait for it
    sys.exit(code)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


@dataclass(frozen=True)
class _Served:
    """The settings to serve, with what was found; `discovery` made them. `notes`: of that, for the banner."""

    loaded: LoadedSettings
    discovery: Discovery
    notes: tuple[str, ...] = ()
    reread: ReadSettings | None = None


async def _with_found(loaded: LoadedSettings, instead_of_nothing: LoadedSettings | None) -> _Served:
    discovery = Discovery(loaded.settings)
    settings, notes = await _settings_of(discovery)
    if instead_of_nothing is None:
        return _Served(replace(loaded, settings=settings), discovery, notes)
    if settings.models:
        told = found_note(len(settings.models))
        return _Served(replace(loaded, settings=settings), discovery, (told, *notes), lambda: loaded)
    discovery.rebase(instead_of_nothing.settings)
    told = nothing_found_note(loaded.settings.server.discovered_folders)
    return _Served(instead_of_nothing, discovery, (told, *notes), lambda: instead_of_nothing)


async def _settings_of(discovery: Discovery) -> tuple[Settings, tuple[str, ...]]:
    """The settings with what is found on this disk; without, and why, if the disk does not answer."""
    if not discovery.is_wanted:
        return discovery.base, ()
    try:
        async with asyncio.timeout(_LOOK_S):
            return await in_thread(discovery.settings), ()
    except TimeoutError:
        return discovery.base, (f"No model was found within {_LOOK_S:g} s: the disk is slow, or hangs.",)


async def _serve(served: _Served, reread: ReadSettings | None, outlet: Outlet, *, needs_all: bool) -> int:
    loaded = served.loaded
    if needs_all:
        _refuse_lost(await _findings(loaded))
    if loaded.settings.global_.offline:
        _refuse_missing(await _findings(loaded))
    console = Console(stderr=True)
    bars = LoadBars(console) if may_draw(sys.stderr) else None

    def draw(event: RegistryEvent) -> None:
        if bars is not None:  # where no bars are shown, log lines tell it
            outlet.put(partial(bars.handle, event))

    registry = assemble(loaded.settings, on_event=draw)
    greetings: list[asyncio.Task[None]] = []
    alive: list[asyncio.Task[None]] = []

    def greet(addresses: list[str]) -> None:
        gc.freeze()  # what is here now lives as long as the process: to look through it held all streams up for 40 ms
        greeting = asyncio.create_task(_greet(served, registry, addresses, outlet, bars))
        greeting.add_done_callback(_note_failure)
        greetings.append(greeting)
        if notify(READY):
            alive.append(asyncio.create_task(tell_alive()))

    try:
        return await run_server(
            loaded.settings, registry, on_listening=greet, read_settings=reread, discovery=served.discovery
        )
    finally:
        notify(STOPPING)
        for task in (*greetings, *alive):
            task.cancel()
        if bars is not None:
            outlet.put(bars.close)


async def _greet(
    served: _Served, registry: Registry, addresses: list[str], outlet: Outlet, bars: LoadBars | None
) -> None:
    """Say the banner. Reading the heads of many GGUFs takes a while: in a thread, and after the port is open."""
    loaded = served.loaded
    try:
        findings = await _findings(loaded)
        crowded = preload_warnings(loaded.settings, findings, registry.memory().budget_bytes)
        told = replace(loaded, warnings=loaded.warnings + crowded)
        found_in = served.discovery.places_of(loaded.settings)
        text = banner(told, findings, registry.names.default_id, addresses, found_in=found_in, notes=served.notes)
    except Exception:  # noqa: BLE001  # whatever it is, the server runs, and its port has to be told
        _log.exception("can't make the banner")
        text = f"lsrv {lsrv.__version__} at {typeable(addresses[0])}/v1\n"
    outlet.put(partial(say, text) if bars is None else partial(bars.stand_aside, partial(say, text)))


async def _findings(loaded: LoadedSettings) -> dict[str, Finding]:
    """What is found of each entry that is served here, by model_id; of a drive that hangs nothing is waited for."""
    looks = Lanes(_N_LOOKS)
    local = [model for model in loaded.settings.models if model.has_weights and model.enabled]
    found = await asyncio.gather(*(_found_soon(loaded.settings, model, looks) for model in local))
    return {model.model_id: each for model, each in zip(local, found, strict=True)}


async def _found_soon(settings: Settings, model: ModelSettings, looks: Lanes) -> Finding:
    try:
        async with asyncio.timeout(_LOOK_S):
            return await looks.run("", finding, settings, model)
    except TimeoutError:
        return _SlowDiskError(f"its files were not found within {_LOOK_S:g} s: the disk is slow, or hangs")


def _note_failure(greeting: asyncio.Task[None]) -> None:
    """A banner that can't be made (an unforeseen error) is no reason to stop serving."""
    error = None if greeting.cancelled() else greeting.exception()
    if error is not None:
        _log.error("can't make the banner", exc_info=error)


def _refuse_lost(findings: Mapping[str, Finding]) -> None:
    """Raises what is wrong with the first entry that can't be served."""
    for error in findings.values():
        if isinstance(error, LsrvError) and not isinstance(error, _SlowDiskError):
            raise error


def _refuse_missing(findings: Mapping[str, Finding]) -> None:
    """Offline, what is missing stays missing: better told at the start. Raises ConfigError."""
    missing = [
        f"  {name}: {error.message}"
        for name, error in findings.items()
        if isinstance(error, LsrvError) and not isinstance(error, _SlowDiskError)
    ]
    if missing:
        raise ConfigError("offline, and weights are missing:\n" + "\n".join(missing))

"""Taking in the config file anew while the server runs: read, plan, apply, say what changed."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import msgspec

from lsrv.api.http.errors import BadConfigError
from lsrv.api.state import ReadSettings, ServerState
from lsrv.config import LoadedSettings, Settings, SettingsChange, plan_change
from lsrv.errors import ConfigError, LsrvError
from lsrv.registry import Discovery, finding

_log = logging.getLogger(__name__)

_READ_S = 20.0  # of a disk that hangs, so that later reloads get their turn


class ModelChange(msgspec.Struct, frozen=True):
    """A changed entry: which keys of it, and whether its worker gives way to one with the new settings."""

    model_id: str
    keys: tuple[str, ...]
    needs_load: bool


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a new file has changed. Entries by their listed ids."""

    added: list[str]
    removed: list[str]
    changed: list[ModelChange]
    at_once: tuple[str, ...]
    needs_restart: tuple[str, ...]
    warnings: list[str]


async def reload_settings(state: ServerState) -> ReloadReport:
    """Go by the file as it is now; one at a time. Raises BadConfigError or DrainingError, and changes nothing then."""
    async with state.reload_turn:
        loaded = await _read(state)
        change = await go_by(state, loaded.settings)
    missing = await state.looks.run("config", _missing, change)
    report = _report(change, [*loaded.warnings, *missing])
    _log_report(report)
    return report


async def go_by(state: ServerState, settings: Settings) -> SettingsChange:
    """Serve what `settings` say from now on; whoever calls it has the `reload_turn`. Raises DrainingError."""
    change = plan_change(state.settings, settings)
    await state.registry.configure(change)
    state.configure(change.settings)
    state.feed.publish_snapshot()
    return change


async def _read(state: ServerState) -> LoadedSettings:
    try:
        if state.read_settings is None:
            raise ConfigError("this server was started without a config file; restart it to change its settings")
        async with asyncio.timeout(_READ_S):
            return await state.looks.run("config", _read_and_look, state.read_settings, state.discovery)
    except TimeoutError:
        _log.error("config not reloaded", extra={"reason": f"its file was not read within {_READ_S:g} s"})
        raise BadConfigError(f"The config file was not read within {_READ_S:g} s; look after its disk.") from None
    except ConfigError as error:
        _log.error("config not reloaded", extra={"reason": error.message})
        raise BadConfigError(error.message, param=error.param) from error


def _read_and_look(read: ReadSettings, discovery: Discovery) -> LoadedSettings:
    loaded = read()
    discovery.rebase(loaded.settings)
    return replace(loaded, settings=discovery.settings())


def _missing(change: SettingsChange) -> list[str]:
    """Why new entries, and changed ones that need a load or were switched on, can't be served."""
    found: list[str] = []
    to_load = (each for each in change.changed if each.needs_load or "enabled" in each.keys)
    for model in (*change.added, *(each.settings for each in to_load)):
        if not (model.has_weights and model.enabled):
            continue
        if isinstance(error := finding(change.settings, model), LsrvError):
            found.append(f"{model.listed_id} can't be served yet: {error.message}")
    return found


def _report(change: SettingsChange, warnings: list[str]) -> ReloadReport:
    return ReloadReport(
        added=[model.listed_id for model in change.added],
        removed=[model.listed_id for model in change.removed],
        changed=[ModelChange(each.settings.listed_id, each.keys, each.needs_load) for each in change.changed],
        at_once=change.at_once,
        needs_restart=change.needs_restart,
        warnings=warnings,
    )


def _log_report(report: ReloadReport) -> None:
    for warning in report.warnings:
        _log.warning("config", extra={"warning": warning})
    changed = [
        f"{each.model_id}({','.join(each.keys)}{': loads' if each.needs_load else ''})" for each in report.changed
    ]
    fields = {
        "added": report.added,
        "removed": report.removed,
        "changed": changed,
        "at_once": report.at_once,
        "needs_restart": report.needs_restart,
    }
    told = {name: ", ".join(values) for name, values in fields.items() if values}
    _log.info("config reloaded" if told else "config reloaded, nothing changed", extra=told)

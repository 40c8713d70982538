"""From the settings a server runs with to those of its file now: what that means for each entry and key. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lsrv.config.model import ModelSettings
from lsrv.config.settings import Settings
from lsrv.config.table import Table

# What an entry may change while its model stays in memory. Whatever is not named here needs a new load.
_LIGHT = frozenset(
    {"alias", "enabled", "preload", "pinned", "priority", "keep_alive", "max_concurrency", "queue", "defaults"}
    | {"response_cache", "queue_timeout", "display_name", "description", "mode"}
)
# What is looked up anew at every use. Whatever is not named here needs a new process.
_AT_ONCE = frozenset(
    {
        "default_model_id",
        "require_default",
        "routes",
        "server.insecure",
        "server.api_keys",
        "server.api_keys_env",
        "server.admin_keys",
        "server.requests_per_minute",
        "server.tokens_per_minute",
        "server.request_timeout",
        "server.ready",
        "server.cors_origins",
        "server.allowed_hosts",
        "server.max_body_bytes",
        "server.memory_budget",
        "server.gpu_budget",
        "server.max_loaded_models",
        "server.keep_alive",
        "server.swap_patience",
        "server.drain_timeout",
        "server.adapter_folder",
        "server.catalog",
        "server.discover",
        "global.seed",
        "global.token_source",
        "global.offline",
        "global.any_owner",
        "mcp.servers",
        "mcp.config_file",
        "mcp.offer",
        "mcp.max_rounds",
        "mcp.time_limit",
        "mcp.serve",
    }
)


@dataclass(frozen=True, kw_only=True)
class ChangedModel:
    """An entry that is in both. `keys`: dotted, below [[models]]; `needs_load`: its worker can't go on as it is."""

    settings: ModelSettings
    keys: tuple[str, ...]
    needs_load: bool


@dataclass(frozen=True, kw_only=True)
class SettingsChange:
    """What to do. `settings` are those to run with from now on: new ones, save for `needs_restart`, which stay old.

    `at_once`: keys outside of [[models]]; of routes their ids ("routes.assistant").
    """

    settings: Settings
    added: tuple[ModelSettings, ...] = ()
    removed: tuple[ModelSettings, ...] = ()
    changed: tuple[ChangedModel, ...] = ()
    at_once: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    @property
    def switched(self) -> frozenset[str]:
        """Ids of entries whose `enabled` counts from now on. Of others it is as it was, or as an operator chose."""
        said_anew = (each.settings for each in self.changed if "enabled" in each.keys)
        return frozenset(model.model_id for model in (*self.added, *said_anew))

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.at_once or self.needs_restart)


def plan_change(old: Settings, new: Settings) -> SettingsChange:
    """What changes for a server that runs with `old` when its file says `new`. Entries are told by their model_id."""
    before = {model.model_id: model for model in old.models}
    after = {model.model_id: model for model in new.models}
    pairs = [(before[model_id], model) for model_id, model in after.items() if model_id in before]
    keys = list(_top_keys(old, new))
    return SettingsChange(
        settings=_with_old(old, new, [key for key in keys if key not in _AT_ONCE]),
        added=tuple(model for model_id, model in after.items() if model_id not in before),
        removed=tuple(model for model_id, model in before.items() if model_id not in after),
        changed=tuple(changed for pair in pairs if (changed := _changed_model(*pair)) is not None),
        at_once=tuple(_at_once(old, new, keys)),
        needs_restart=tuple(key for key in keys if key not in _AT_ONCE),
    )


def _changed_model(old: ModelSettings, new: ModelSettings) -> ChangedModel | None:
    keys = list(_differing(old, new, ""))
    if (old.folder, old.weights_id) != (new.folder, new.weights_id):
        keys.append("model_id")  # the same text, but another file
    if not keys:
        return None
    needs_load = any(key.partition(".")[0] not in _LIGHT for key in keys)
    return ChangedModel(settings=new, keys=tuple(keys), needs_load=needs_load)


def _top_keys(old: Settings, new: Settings) -> Iterator[str]:
    """Keys outside of [[models]] that differ."""
    return (key for key in _differing(old, new, "") if key.partition(".")[0] != "models")


def _at_once(old: Settings, new: Settings, keys: list[str]) -> Iterator[str]:
    for key in keys:
        if key == "routes":
            yield from _differing_routes(old, new) or [key]  # their order is none of them
        elif key in _AT_ONCE:
            yield key


def _differing_routes(old: Settings, new: Settings) -> list[str]:
    """Routes that are new, gone or different."""
    before, after = ({route.model_id: route for route in settings.routes} for settings in (old, new))
    return [f"routes.{name}" for name in before | after if before.get(name) != after.get(name)]


def _differing(old: Table, new: Table, prefix: str) -> Iterator[str]:
    """Dotted TOML keys whose values differ; inside tables, but not inside lists."""
    for attribute, field in type(new).model_fields.items():
        key = f"{prefix}{field.alias or attribute}"
        before, after = getattr(old, attribute), getattr(new, attribute)
        if isinstance(before, Table) and isinstance(after, Table):
            yield from _differing(before, after, f"{key}.")
        elif before != after:
            yield key


def _with_old(old: Settings, new: Settings, keys: list[str]) -> Settings:
    """`new`, but with the values of `old` at the dotted `keys`."""
    return new.model_copy(update=_kept(old, new, keys, ""))


def _kept(old: Table, new: Table, keys: list[str], prefix: str) -> dict[str, object]:
    update: dict[str, object] = {}
    for attribute, field in type(new).model_fields.items():
        key = f"{prefix}{field.alias or attribute}"
        before, after = getattr(old, attribute), getattr(new, attribute)
        if key in keys:
            update[attribute] = before
        elif isinstance(after, Table) and isinstance(before, Table) and any(k.startswith(f"{key}.") for k in keys):
            update[attribute] = after.model_copy(update=_kept(before, after, keys, f"{key}."))
    return update

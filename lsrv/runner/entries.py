"""The models of a Runner as a config: a file's, those that were added, without those that were removed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import cast

from lsrv.config import LoadedSettings, ModelSettings, load_settings, settings_for_models
from lsrv.errors import ConfigError
from lsrv.quantization import Quant
from lsrv.runner.runner_error import RunnerError
from lsrv.runner.which import Chosen, EntryTable

_log = logging.getLogger(__name__)

# mistral.rs's arguments of Runner: ours, and where they stand in an entry.
_MOVED = {
    "in_situ_quant": ("quantization", "isq"),
    "quant": ("quantization", "quant"),
    "isq": ("quantization", "isq"),
    "imatrix": ("quantization", "imatrix"),
    "num_device_layers": ("device", "device_layers"),
    "max_seqs": ("context", "slots"),
    "context_length": ("context", "context_length"),
    "seed": ("defaults", "seed"),
}
_WITHOUT_EFFECT = frozenset(
    {"no_kv_cache", "prefix_cache_n", "pa_blk_size", "pa_cache_type", "no_paged_attn", "paged_attn", "memory_goal"}
    | {"mtp_model", "mtp_n_predict", "search_embedding_model", "search_callback"}
)
_REFUSED = {
    "anymoe_config": "llama.cpp has no AnyMoE",
    "enable_search": "lsrv searches nothing for a model",
    "code_execution_config": "lsrv runs no code for a model",
    "shell_config": "lsrv runs no commands for a model",
    "tool_callbacks": "call the functions yourself: the answer's tool_calls say which, and with what",
    "mcp_client_config": "name MCP servers in models.toml, and use Runner.from_config",
}
_NONE_LEFT = "no models would be left; add another one first"
_OF_THE_RUNNER = ("server", "global")


class Entries:
    """What a Runner serves, before it is settings. Changes count from the next `read` on."""

    def __init__(self, path: Path | None = None, overrides: Mapping[str, object] | None = None) -> None:
        self._path = path
        self._overrides = dict(overrides or {})
        self._added = list[EntryTable]()
        self._removed = set[str]()
        self._made_anew = dict[str, Quant]()

    def __bool__(self) -> bool:
        return self._path is not None or bool(self._added)

    def with_added(self, entry: EntryTable) -> Entries:
        """These with an entry behind the others; one of that model_id that was added before gives way."""
        changed = self.without(str(entry["model_id"]))
        changed._removed -= {str(entry["model_id"])}
        changed._added.append(entry)
        return changed

    def without(self, model_id: str) -> Entries:
        """These without the entry of that canonical id."""
        changed = deepcopy(self)
        changed._added = [each for each in self._added if each["model_id"] != model_id]
        changed._removed.add(model_id)
        return changed

    def with_isq(self, model_id: str, quant: Quant) -> Entries:
        """These with weights of that quantization, made here, in the entry of that canonical id."""
        changed = deepcopy(self)
        changed._made_anew[model_id] = quant
        return changed

    def with_default(self, model_id: str | None) -> Entries:
        changed = deepcopy(self)
        changed._overrides["default_model_id"] = model_id
        return changed

    def read(self) -> LoadedSettings:
        """Blocks: files are read. Raises ConfigError."""
        if not self:
            raise ConfigError(_NONE_LEFT)
        if self._path is None:
            loaded = settings_for_models(self._added, overrides=self._overrides)
        else:
            loaded = load_settings(self._path, overrides={**self._overrides, "models": self._added})
        settings = loaded.settings
        kept = tuple(self._as_asked(each) for each in settings.models if each.model_id not in self._removed)
        if not kept:
            raise ConfigError(_NONE_LEFT)
        return LoadedSettings(settings.model_copy(update={"models": kept}), loaded.warnings, loaded.files)

    def _as_asked(self, model: ModelSettings) -> ModelSettings:
        quant = self._made_anew.get(model.model_id)
        if quant is None:
            return model
        made = model.quantization.model_copy(update={"quant": None, "isq": quant})
        return model.model_copy(update={"quantization": made})


def overrides_in(options: Mapping[str, object]) -> dict[str, object]:
    """What of a Runner's arguments is about no model: tables of models.toml beside `[[models]]`."""
    found = {name: options[name] for name in _OF_THE_RUNNER if name in options}
    if (source := options.get("token_source")) is not None:
        found["global"] = {**_table(found.get("global")), "token_source": source}
    return found


def entry_of(which: Chosen | str, options: Mapping[str, object]) -> EntryTable:
    """`which` with `options`: keys of `[[models]]`, the names of mistral.rs's Runner, or both.

    Raises RunnerError for what can't be had here; what has no effect is told of.
    """
    if isinstance(which, str):
        entry: EntryTable = {"model_id": which}
    else:
        which.tell_unused()
        entry = which.entry()
    for name, value in options.items():
        if value is None or name in _OF_THE_RUNNER or name == "token_source":
            continue
        if name in _REFUSED:
            raise RunnerError(f"{name}: {_REFUSED[name]}.", param=name, code="capability_not_supported")
        if name in _WITHOUT_EFFECT:
            _log.warning("%s has no effect here: the engine has its own way", name)
        elif name in _MOVED:
            table, key = _MOVED[name]
            entry[table] = _table(entry.get(table)) | {key: str(value) if table == "quantization" else value}
        elif isinstance(value, Mapping):
            entry[name] = _table(entry.get(name)) | _table(cast("object", value))
        else:
            entry[name] = value
    return entry


def _table(value: object) -> dict[str, object]:
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else {}

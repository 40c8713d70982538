"""Files, environment and flags into one `Settings`. Layers, the later over the earlier:

built-in defaults < catalog files < the file < models.local.yaml and .toml beside it < environment < flags
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import cast

from pydantic import ValidationError

from lsrv.config.checks import find_contradictions, known_names, route_is_whole
from lsrv.config.effect.gpu_build import is_cpu_build
from lsrv.config.effect.idle import idle_keys
from lsrv.config.effect.named_files import file_problems, file_warnings, texts_at
from lsrv.config.env import comma_list, read_environment
from lsrv.config.layer import ConfigPlace, KeyPath, Layer, RawTable, as_table, as_tables, merge, names_of
from lsrv.config.model import ModelSettings
from lsrv.config.not_yet import find_not_yet
from lsrv.config.problems import Problem, config_error, problem, validation_problems
from lsrv.config.reading.files import find_config, find_locals, passed_over, read_file
from lsrv.config.reading.mcp_servers import gather_servers, server_problems
from lsrv.config.reading.template import absolute
from lsrv.config.server import PROGRAMS
from lsrv.config.settings import LoadedSettings, Settings
from lsrv.config.table import as_strings
from lsrv.home import expanded

_NOTHING: Mapping[str, object] = MappingProxyType({})
_KEY_CHARS = 16
_FLAGS = ConfigPlace("command line")
_ONE_MODEL = "LSRV_MODEL"
_WITH_QUANT = re.compile(r"([\w.-]+/[\w.-]+):([\w.-]+)")
_ABOUT_ENTRIES = ("MODELS", "LSRV_DEFAULT_MODEL_ID", "LSRV_CATALOG", "LSRV_SERVER__CATALOG")


def load_settings(
    path: Path | None = None,
    *,
    overrides: Mapping[str, object] = _NOTHING,
    environ: Mapping[str, str] = os.environ,
) -> LoadedSettings:
    """The settings of `path` (None: ./models.toml, else the user's, else the built-in demo) under all layers.

    Without a `path`, LSRV_MODEL names one model to serve in a file's place.

    `overrides` has the shape of models.toml, such as {"server": {"port": 8080}}; None counts as not given.
    Raises ConfigError that names every problem, one line each.
    """
    if path is None and (named := environ.get(_ONE_MODEL, "").strip()):
        return settings_for_models([_model_of(named)], overrides=overrides, environ=environ)
    source = path if path is not None else find_config()
    loading = _Loading(environ)
    if path is None:
        loading.tell(passed_over(source))
    return loading.load([loading.read(each) for each in (source, *find_locals(source))], overrides, source)


def settings_for_models(
    models: Iterable[Mapping[str, object]],
    *,
    overrides: Mapping[str, object] = _NOTHING,
    environ: Mapping[str, str] = os.environ,
) -> LoadedSettings:
    """The settings of entries given as flags, without a file: `serve -m MODEL`. Same checks, same errors.

    What an environment says of a file's entries (which of them, which more, the default) counts for files only.
    """
    kept = {name: value for name, value in environ.items() if name not in _ABOUT_ENTRIES}
    loaded = _Loading(kept).load([], {**overrides, "models": [dict(model) for model in models]}, None)
    ignored = [f"{name}: is about a config file's entries; ignored" for name in _ABOUT_ENTRIES if environ.get(name)]
    return LoadedSettings(loaded.settings, [*ignored, *loaded.warnings], loaded.files)


def _model_of(name: str) -> Mapping[str, object]:
    """The entry that LSRV_MODEL names: a path, OWNER/NAME or OWNER/NAME:QUANT."""
    found = _WITH_QUANT.fullmatch(name)
    return {"model_id": name} if found is None else {"model_id": found[1], "quantization": {"quant": found[2]}}


class _Loading:
    """One run of loading: gathers what is wrong and what a user should be told."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._files: list[Path] = []
        self._warnings: list[str] = []
        self._problems: list[Problem] = []

    def tell(self, warnings: list[str]) -> None:
        self._warnings += warnings

    def read(self, path: Path) -> Layer:
        found = read_file(path)
        self._files.append(path)
        self._warnings += found.warnings
        self._problems += found.problems
        return found.layer

    def load(self, files: list[Layer], overrides: Mapping[str, object], source: Path | None) -> LoadedSettings:
        variables, warnings = read_environment(self._environ)
        self._warnings += warnings
        flags = Layer(cast("RawTable", _given(overrides)), _FLAGS, _flag_places(overrides))
        merged = self._chosen(self._with_catalog(reduce(merge, [*files, variables, flags])))
        self._add_keys_of_variable(merged)
        gather_servers(merged, self._warnings, self._problems)
        self._problems += find_not_yet(merged) + find_contradictions(merged)
        _place_templates(merged)
        _place_folders(merged)
        self._problems += [*file_problems(merged), *server_problems(merged, self._environ)]
        settings = self._validated(merged)
        if self._problems or settings is None:
            raise config_error(self._problems)
        self._warnings += [*file_warnings(merged), *idle_keys(merged, is_cpu_build=is_cpu_build())]
        warnings = [*self._warnings, *_short_keys(settings)]
        return LoadedSettings(_resolved(settings, merged).read_from(source), warnings, self._files)

    def _with_catalog(self, layer: Layer) -> Layer:
        """`layer` over the catalogs it names. A catalog holds entries only."""
        key: KeyPath = ("server", "catalog")
        try:
            names = as_strings(as_table(layer.raw.get("server")).get("catalog", []))
        except ValueError:
            return layer  # the type check reports it
        catalogs: list[Layer] = []
        before, self._files = self._files, []
        for name in names:
            catalog = self.read((layer.place(key).folder or Path()) / expanded(name))
            for other in catalog.raw.keys() - {"models"}:
                text = f"a catalog holds [[models]] only; move it to {layer.place(key).label}"
                self._problems.append(problem(catalog, (other,), text))
            catalogs.append(Layer({"models": catalog.raw.get("models", [])}, catalog.origin, catalog.places))
        self._files += before
        return reduce(merge, [*catalogs, layer])

    def _chosen(self, layer: Layer) -> Layer:
        """`layer` with the entries that MODELS names; all of them where it is not set."""
        wanted = comma_list(self._environ.get("MODELS", ""))
        if not wanted:
            return layer
        known = known_names(layer)
        for name in wanted:
            if name not in known:
                text = f'"{name}" names no model; write some of {", ".join(known) or "(there are none)"}'
                self._problems.append(Problem(ConfigPlace("MODELS"), "", text))
        kept = [index for index, model in enumerate(layer.models()) if set(names_of(model)) & set(wanted)]
        chosen = _only(layer, "models", kept)
        left_out = {*known} - {*known_names(chosen)}
        chosen, lost_routes = _without_lost_routes(layer, chosen)
        self._warnings += [
            f'MODELS: leaves out models of the route "{name}", which is not served' for name in lost_routes
        ]
        default = layer.raw.get("default_model_id")
        if default in {*left_out, *lost_routes}:
            del chosen.raw["default_model_id"]
            self._warnings.append(f'MODELS: leaves out the default "{default}"; the first entry is the default now')
        return chosen

    def _add_keys_of_variable(self, layer: Layer) -> None:
        """api_keys_env names a variable that holds more api_keys."""
        server = as_table(layer.raw.get("server"))
        name = server.get("api_keys_env")
        if not isinstance(name, str):
            return
        keys = comma_list(self._environ.get(name, ""))
        if not keys:
            text = f'the variable "{name}" is not set; set it to the keys, separated by commas, or remove this'
            self._problems.append(problem(layer, ("server", "api_keys_env"), text))
            return
        own = server.get("api_keys", [])
        own = [own] if isinstance(own, str) else own
        if isinstance(own, (list, tuple)):
            server["api_keys"] = list(dict.fromkeys([*cast("list[str]", own), *keys]))

    def _validated(self, layer: Layer) -> Settings | None:
        try:
            return Settings.model_validate(layer.raw)
        except ValidationError as error:
            self._problems += _without_twins(validation_problems(layer, error), self._problems)
            return None


def _short_keys(settings: Settings) -> list[str]:
    """A warning where a key can be guessed."""
    return [
        f"server.{name}: a key has fewer than {_KEY_CHARS} characters, so it can be guessed; take a longer one"
        for name, keys in (("api_keys", settings.server.api_keys), ("admin_keys", settings.server.admin_keys))
        if any(len(key) < _KEY_CHARS for key in keys)
    ]


def _given(value: object) -> object:
    """`value` in plain dicts and lists, without the flags that were not given (None)."""
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        return {key: _given(inner) for key, inner in table.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_given(inner) for inner in cast("list[object]", value)]
    return value


def _flag_places(overrides: Mapping[str, object]) -> dict[KeyPath, ConfigPlace]:
    """Places of keys that flags set: without them, merged keys would be blamed on the file below."""
    places: dict[KeyPath, ConfigPlace] = {}

    def walk(value: object, path: KeyPath) -> None:
        if path and value is not None and not (isinstance(value, Mapping) and len(path) == 1):
            places[path] = _FLAGS
        if isinstance(value, Mapping):
            for key, inner in cast("Mapping[str, object]", value).items():
                walk(inner, (*path, key))
        elif isinstance(value, (list, tuple)):
            for index, inner in enumerate(cast("list[object]", value)):
                walk(inner, (*path, index))

    walk(overrides, ())
    return places


def _without_lost_routes(layer: Layer, chosen: Layer) -> tuple[Layer, list[str]]:
    """`chosen` without the routes that lead to entries of `layer` which were left out, and the names of those routes.

    A route that was wrong before stays, and is told of.
    """
    routes = as_tables(layer.raw.get("routes"))
    is_lost = [route_is_whole(layer, route) and not route_is_whole(chosen, route) for route in routes]
    if not any(is_lost):
        return chosen, []
    kept = [index for index, lost in enumerate(is_lost) if not lost]
    return _only(chosen, "routes", kept), [
        str(route.get("model_id")) for route, lost in zip(routes, is_lost, strict=True) if lost
    ]


def _only(layer: Layer, name: str, kept: list[int]) -> Layer:
    """`layer` with those tables of the array `name` that have the indices `kept`."""
    tables = as_tables(layer.raw.get(name))
    new_index = {old: new for new, old in enumerate(kept)}
    places: dict[KeyPath, ConfigPlace] = {}
    for path, place in layer.places.items():
        index = path[1] if path[0] == name and len(path) > 1 else None
        if index is None:
            places[path] = place
        elif isinstance(index, int) and index in new_index:
            places[name, new_index[index], *path[2:]] = place
    return Layer({**layer.raw, name: [tables[index] for index in kept]}, layer.origin, places)


def _place_templates(layer: Layer) -> None:
    """Template paths start where they are written."""
    templates = [*texts_at(layer, "models.chat_template"), *texts_at(layer, "models.jinja_explicit")]
    for path, template in templates:
        folder = layer.place(path).folder or Path.cwd()
        layer.models()[cast("int", path[1])][str(path[2])] = absolute(template, folder)


def _place_folders(layer: Layer) -> None:
    """Folders of the server start where they are written."""
    server = as_table(layer.raw.get("server"))
    if isinstance(folder := server.get("adapter_folder"), str):
        server["adapter_folder"] = str(_placed(layer, "adapter_folder", folder))
    named = server.get("discover")
    names = [named] if isinstance(named, str) else named
    if isinstance(names, (list, tuple)):
        server["discover"] = [
            str(_placed(layer, "discover", each)) if isinstance(each, str) and each != PROGRAMS else each
            for each in cast("list[object]", names)
        ]


def _placed(layer: Layer, key: str, folder: str) -> Path:
    return (layer.place(("server", key)).folder or Path.cwd()) / expanded(folder)


def _resolved(settings: Settings, layer: Layer) -> Settings:
    """`settings` whose entries know their folder, and take what they do not say from the server."""
    models: list[ModelSettings] = []
    for index, model in enumerate(settings.models):
        placed = model.placed_in(layer.place(("models", index, "model_id")).folder or Path.cwd())
        if model.adapters:
            folder = layer.place(("models", index, "adapters")).folder or Path.cwd()
            placed = placed.model_copy(update={"adapters": tuple(each.placed_in(folder) for each in model.adapters)})
        if "keep_alive_s" not in model.model_fields_set:
            placed = placed.model_copy(update={"keep_alive_s": settings.server.keep_alive_s})
        models.append(placed.named_apart() if placed.model_id in {each.model_id for each in models} else placed)
    return settings.model_copy(update={"models": tuple(models)})


def _without_twins(found: list[Problem], known: list[Problem]) -> list[Problem]:
    """`found` without what is said already about the same key."""
    said = {(each.place, each.key) for each in known}
    return [each for each in found if (each.place, each.key) not in said]

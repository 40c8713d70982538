"""The environment as a layer: LSRV_PORT or LSRV_SERVER__PORT is [server] port.

    LSRV_<SECTION>__<KEY>   a key of [server] or [global]: LSRV_SERVER__KEEP_ALIVE=1h
    LSRV_<KEY>              the same, shorter, and the keys above all tables: LSRV_DEFAULT_MODEL_ID=qwen3-4b
    HF_HUB_OFFLINE=1, AUTO_DOWNLOAD_MODELS=0    [global] offline = true, unless LSRV_OFFLINE says otherwise

Lists are separated by commas. An empty variable counts as unset. `MODELS` is no setting: it chooses among the entries.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import get_args

from lsrv.config.keys import Key, known_keys
from lsrv.config.layer import ConfigPlace, KeyPath, Layer, RawTable

_PREFIX = "LSRV_"
# Of the commands that talk to a running server, and of the front door.
_OTHERS = frozenset({"LSRV_URL", "LSRV_API_KEY", "LSRV_CACHE", "LSRV_MODEL"})
_SECTIONS = ("server", "global")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


def read_environment(environ: Mapping[str, str]) -> tuple[Layer, list[str]]:
    """The settings in `environ`, and a warning for each LSRV_ variable that names none."""
    variables = _variables()
    tables: RawTable = {}
    places: dict[KeyPath, ConfigPlace] = {}
    if environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE or environ.get("AUTO_DOWNLOAD_MODELS", "").lower() in _FALSE:
        tables["global"] = {"offline": True}
        places["global", "offline"] = ConfigPlace("HF_HUB_OFFLINE or AUTO_DOWNLOAD_MODELS")
    for name, key in variables.items():
        if text := environ.get(name, ""):
            _put(tables, key.path, _value(key, text))
            places[key.path] = ConfigPlace(name)
    return Layer(tables, ConfigPlace("the environment"), places), _warnings(environ, variables)


def comma_list(text: str) -> list[str]:
    """The parts of "a, b" without blanks and empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _variables() -> dict[str, Key]:
    """Variable -> key. The short names come first, so that the long ones, read later, win."""
    keys = [key for key in known_keys().values() if _is_scalar(key)]
    short = {_PREFIX + key.path[-1].upper(): key for key in keys}
    return short | {_PREFIX + "__".join(key.path).upper(): key for key in keys}


def _is_scalar(key: Key) -> bool:
    is_here = len(key.path) == 1 or (len(key.path) == 2 and key.path[0] in _SECTIONS)
    return is_here and key.table is None and not _is(key, dict)


def _is(key: Key, kind: type) -> bool:
    """Whether a value of `key` is a `kind`, or one beside None."""
    annotation = key.field.annotation
    return any(
        each is kind or getattr(each, "__origin__", None) is kind for each in (annotation, *get_args(annotation))
    )


def _put(tables: RawTable, path: tuple[str, ...], value: object) -> None:
    for part in path[:-1]:
        inner = tables.setdefault(part, {})
        assert isinstance(inner, dict)
        tables = inner
    tables[path[-1]] = value


def _value(key: Key, text: str) -> object:
    """`text` as the type of `key`; what does not fit stays text, and the type check names it."""
    if _is(key, tuple):
        return comma_list(text)
    if _is(key, bool):
        word = text.lower()
        return True if word in _TRUE else False if word in _FALSE else text
    if _is(key, int) and text.lstrip("-").isdecimal() and len(text) < 20:
        return int(text)
    return text


def _warnings(environ: Mapping[str, str], variables: dict[str, Key]) -> list[str]:
    unknown = sorted(name for name in environ if name.startswith(_PREFIX) and name not in {*variables, *_OTHERS})
    warnings: list[str] = []
    for name in unknown:
        near = difflib.get_close_matches(name, variables, n=1, cutoff=0.7)
        warnings.append(f"{name}: names no setting; {f'did you mean {near[0]}?' if near else 'it is ignored'}")
    return warnings

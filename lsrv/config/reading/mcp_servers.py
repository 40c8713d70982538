"""MCP servers of a merged config: those in foreign forms and other files join [[mcp.servers]]. Reads a disk."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from lsrv.config.layer import KeyPath, Layer, RawTable, as_table, as_tables
from lsrv.config.problems import Problem, problem
from lsrv.config.reading.files import unreadable
from lsrv.config.tools.mcp_forms import NoServers, servers_by_name, servers_of_document
from lsrv.config.tools.variables import missing_variables
from lsrv.home import expanded

_FOREIGN = "mcpServers"
_SERVERS: KeyPath = ("mcp", "servers")
_MAX_FILE_BYTES = 1024 * 1024


def gather_servers(layer: Layer, warnings: list[str], problems: list[Problem]) -> None:
    """Put all servers that `layer` names into its [[mcp.servers]], and tell what is wrong."""
    added = [*_of_key(layer, warnings, problems), *_of_file(layer, warnings, problems)]
    for index, server in enumerate(as_tables(as_table(layer.raw.get("mcp")).get("servers"))):
        _place(server, layer.place((*_SERVERS, index)).folder)
    if not added:
        return
    mcp = layer.raw.setdefault("mcp", {})
    own = as_table(mcp).get("servers", [])
    if isinstance(mcp, dict) and isinstance(own, list):
        as_table(mcp)["servers"] = [*cast("list[object]", own), *added]


def server_problems(layer: Layer, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Variables that are not set, and the package that is not installed."""
    servers = as_tables(as_table(layer.raw.get("mcp")).get("servers"))
    if any(server.get("enabled") is not False for server in servers) and importlib.util.find_spec("mcp") is None:
        yield problem(layer, _SERVERS, 'MCP servers need the package mcp: pip install "lsrv[mcp]"')
    for index, server in enumerate(servers):
        if server.get("enabled") is False:
            continue
        for key, text in _texts(server):
            for name in missing_variables(text, environ):
                what = f'the variable "{name}" is not set; set it, or write ${{{name}:-}} if it may be empty'
                yield problem(layer, (*_SERVERS, index, *key), what)


def _of_key(layer: Layer, warnings: list[str], problems: list[Problem]) -> list[RawTable]:
    """The servers of a table `mcpServers` in the config itself."""
    given, place = layer.raw.pop(_FOREIGN, None), layer.place((_FOREIGN,))
    if given is None:
        return []
    if not isinstance(given, dict):
        problems.append(Problem(place, _FOREIGN, "not a table of servers; write [mcpServers.NAME] with command or url"))
        return []
    found = servers_by_name(as_table(given), lambda text: warnings.append(f"{place}: {_FOREIGN}.{text}"))
    return [_placed(server, place.folder) for server in found]


def _of_file(layer: Layer, warnings: list[str], problems: list[Problem]) -> list[RawTable]:
    mcp = as_table(layer.raw.get("mcp"))
    name, at = mcp.get("config_file"), ("mcp", "config_file")
    if not isinstance(name, str):
        return []
    path = (layer.place(at).folder or Path.cwd()) / expanded(name)
    mcp["config_file"] = str(path)
    try:
        found = servers_of_document(_document(path), lambda text: warnings.append(f"{path}: {text}"))
        return [_placed(server, path.parent) for server in found]
    except ValueError as error:
        problems.append(problem(layer, at, f"{path}: {error}" if isinstance(error, NoServers) else str(error)))
        return []


def _placed(server: RawTable, folder: Path | None) -> RawTable:
    _place(server, folder)
    return server


def _place(server: RawTable, folder: Path | None) -> None:
    """Paths start where they are written; a command without a slash is looked up in PATH."""
    for key in ("command", "cwd"):
        text = server.get(key)
        if isinstance(text, str) and (key == "cwd" or "/" in text) and not text.startswith("${"):
            server[key] = str((folder or Path.cwd()) / expanded(text))


def _document(path: Path) -> object:
    """The JSON in `path`. Raises ValueError with the path in its words."""
    if wrong := unreadable(path):
        raise ValueError(f"{wrong}; write the path of a JSON file with MCP servers")
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ValueError(f"{path}: longer than {_MAX_FILE_BYTES} bytes; this can't be a list of servers")
    try:
        return cast("object", json.loads(path.read_text(encoding="utf-8-sig")))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        where = f":{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{path}{where}: not JSON: {getattr(error, 'msg', 'it can not be read')}") from None


def _texts(server: RawTable) -> Iterator[tuple[KeyPath, str]]:
    """Every text of a server in which variables count."""
    for key in ("command", "url"):
        if isinstance(value := server.get(key), str):
            yield (key,), value
    args = server.get("args")
    for index, value in enumerate(cast("list[object]", args) if isinstance(args, list) else [args]):
        if isinstance(value, str):
            yield ("args", index), value
    for key in ("env", "headers"):
        for name, value in as_table(server.get(key)).items():
            if isinstance(value, str):
                yield (key, name), value

"""MCP servers as other programs write them, in the shape of [[mcp.servers]]. Pure.

`{"mcpServers": {NAME: {"command", "args", "env"} or {"url", "headers"}}}` is what Claude Desktop and many others read,
VS Code calls it `servers`; mistral.rs has a list `servers` with a `source` in each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from lsrv.config.layer import RawTable, as_table

_OURS = ("command", "args", "env", "cwd", "url", "headers", "prefix", "allowed_tools", "tool_timeout", "enabled")
_TRANSPORTS = {"stdio": "command", "http": "url", "streamable-http": "url", "streamableHttp": "url"}

Warn = Callable[[str], None]  # of a key, by its dotted path, with what became of it


class NoServers(ValueError):
    """A document that holds no MCP servers in any form that is known."""


def servers_of_document(document: object, warn: Warn) -> list[RawTable]:
    """The servers of a whole file. Raises NoServers."""
    table = as_table(document)
    for key in ("mcpServers", "servers"):
        if isinstance(found := table.get(key), dict):
            return servers_by_name(as_table(found), warn)
        if isinstance(found, list):
            for other in sorted(table.keys() - {key, "tool_timeout_secs"}):
                warn(f"{other}: ignored")
            timeout = table.get("tool_timeout_secs")
            return [_of_mistralrs(as_table(each), timeout, warn) for each in cast("list[object]", found)]
    raise NoServers('holds no MCP servers; write {"mcpServers": {"NAME": {"command": "…"}}}')


def servers_by_name(servers: RawTable, warn: Warn) -> list[RawTable]:
    """The servers of `mcpServers`, under their names."""
    return [_named(name, as_table(server), warn) for name, server in servers.items()]


def _named(name: str, server: RawTable, warn: Warn) -> RawTable:
    found: RawTable = {"name": name}
    for key, value in server.items():
        if key == "disabled":
            found["enabled"] = value is not True
        elif key in _OURS:
            found[key] = value
        elif key in ("type", "transport") and value in _TRANSPORTS and _TRANSPORTS[str(value)] in server:
            continue
        else:
            warn(f"{name}.{key}: ignored")
    return found


def _of_mistralrs(server: RawTable, timeout: object, warn: Warn) -> RawTable:
    """{"id", "name", "source": {"type": "Process" or "Http", …}, "enabled", "tool_prefix", "bearer_token"}."""
    source = as_table(server.get("source"))
    name = str(server.get("id") or re.sub(r"[^A-Za-z0-9_.-]+", "-", str(server.get("name", ""))).strip("-"))
    found: RawTable = {"name": name}
    given = {
        "command": source.get("command"),
        "args": source.get("args"),
        "env": source.get("env"),
        "cwd": source.get("work_dir"),
        "url": source.get("url"),
        "headers": _headers(source, server),
        "prefix": server.get("tool_prefix"),
        "tool_timeout": source.get("timeout_secs") or timeout,
        "enabled": server.get("enabled"),
    }
    found |= {key: value for key, value in given.items() if value is not None}
    for key in sorted(server.keys() - {"id", "name", "source", "enabled", "tool_prefix", "bearer_token"}):
        if server[key] is not None:
            warn(f"{name}.{key}: ignored")
    return found


def _headers(source: RawTable, server: RawTable) -> RawTable | None:
    headers = as_table(source.get("headers"))
    token = server.get("bearer_token")
    if isinstance(token, str):
        headers = {"Authorization": f"Bearer {token}"} | headers
    return headers or None

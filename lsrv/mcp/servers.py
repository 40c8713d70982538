"""All servers of tools of one lsrv: started, changed with the config, counted, and what of them a request may use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lsrv.config import McpServerSettings
from lsrv.mcp.connection import Connection, McpState
from lsrv.mcp.offer import OfferedTool
from lsrv.protocol.tool_news import ToolListing, ToolOutput, ToolOwner

WantedTools = Mapping[str, Sequence[str] | None]  # of a server, by its own names; None: all


@dataclass(frozen=True, slots=True)
class ServerView:
    """How a server stands. `protocol`: the version that was agreed on."""

    name: str
    state: McpState
    error: str
    protocol: str
    tools: tuple[OfferedTool, ...]


class McpServers:
    """Every server that the settings name and that is enabled."""

    def __init__(self, servers: Sequence[McpServerSettings]) -> None:
        self._settings = _enabled(servers)
        self._connections: dict[str, Connection] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._is_running = False

    @property
    def names(self) -> list[str]:
        return list(self._settings)

    @property
    def n_connected(self) -> int:
        return sum(each.state == "ready" for each in self._connections.values())

    @property
    def n_tools(self) -> int:
        return sum(len(each.tools) for each in self._connections.values() if each.state == "ready")

    def views(self) -> list[ServerView]:
        """All that were started, in the order of the settings."""
        return [
            ServerView(name, each.state, each.error, each.era, each.tools)
            for name in self._settings
            if (each := self._connections.get(name)) is not None
        ]

    def start(self) -> None:
        """Connect to all; nobody waits for it."""
        self._is_running = True
        for name in ("mcp", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)  # what matters of a server is told by its connection
        self.configure(list(self._settings.values()))

    def configure(self, servers: Sequence[McpServerSettings]) -> None:
        """Go by other settings: what has not changed stays connected."""
        self._settings = _enabled(servers)
        if not self._is_running:
            return
        for name, connection in list(self._connections.items()):
            if self._settings.get(name) != connection.settings:
                del self._connections[name]
                self._close(connection)
        for name, settings in self._settings.items():
            if name not in self._connections:
                self._connections[name] = connection = Connection(settings)
                connection.start()

    async def close(self) -> None:
        """Every program is gone when this returns."""
        self._is_running = False
        for connection in self._connections.values():
            self._close(connection)
        self._connections.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    async def box(self, wanted: WantedTools | None) -> ToolboxOfServers:
        """The tools of `wanted` (None: of all servers), as far as they are connected now or in a moment."""
        names = [name for name in self._connections if wanted is None or name in wanted]
        connections = [self._connections[name] for name in names]
        await asyncio.gather(*(each.is_ready() for each in connections))
        tools = [None if wanted is None else wanted[name] for name in names]
        return ToolboxOfServers(list(zip(connections, tools, strict=True)))

    def _close(self, connection: Connection) -> None:
        task = asyncio.create_task(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class ToolboxOfServers:
    """What one request may use. A name that two servers have is the first one's."""

    def __init__(self, connections: Sequence[tuple[Connection, Sequence[str] | None]]) -> None:
        self.listings: list[ToolListing] = []
        self._by_name: dict[str, tuple[Connection, OfferedTool]] = {}
        for connection, names in connections:
            is_ready = connection.state == "ready"
            offered = [tool for tool in connection.tools if is_ready and (names is None or tool.name in names)]
            error = "" if is_ready else connection.error or "it is not connected yet"
            tools = [tool.for_client() for tool in offered]
            self.listings.append(ToolListing(connection.settings.name, tools, error))
            for tool in offered:
                self._by_name.setdefault(tool.shown, (connection, tool))

    @property
    def tools(self) -> list[dict[str, object]]:
        return [tool.for_model() for _, tool in self._by_name.values()]

    def owner(self, name: str) -> ToolOwner | None:
        found = self._by_name.get(name)
        return None if found is None else ToolOwner(found[0].settings.name, found[1].name)

    async def call(self, name: str, arguments: dict[str, object], timeout_s: float) -> ToolOutput:
        connection, tool = self._by_name[name]
        return await connection.call(tool.name, arguments, timeout_s)


def _enabled(servers: Sequence[McpServerSettings]) -> dict[str, McpServerSettings]:
    return {server.name: server for server in servers if server.enabled}

"""One server of tools: a task of its own connects, lists its tools, and connects again when it is lost.

Both eras of the protocol: the SDK asks `server/discover` (2026-07-28) and falls back to `initialize`. A server that
hangs, dies or lies costs the calls that were made of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal

import lsrv
from lsrv.config import McpServerSettings, with_variables
from lsrv.mcp.offer import OfferedTool, SaidTool, ServerOffer, offer_of
from lsrv.mcp.output import output_text
from lsrv.protocol.tool_news import ToolOutput

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult

_log = logging.getLogger(__name__)

_CONNECT_S = 30.0
_WAIT_S = 10.0  # of a request for a server that is being connected
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.25, 60.0  # before it is tried again
_STEADY_S = 10.0  # who stayed so long is tried again at once
_MAX_PAGES = 20
_MAX_TIMEOUTS = 2  # in a row: then it hangs, and is started anew

McpState = Literal["connecting", "ready", "failed"]


class Connection:
    """One server. It is "connecting" until an attempt since it was lost is over; `error`: why it is not ready."""

    def __init__(self, settings: McpServerSettings) -> None:
        self.settings = settings
        self.state: McpState = "connecting"
        self.error = ""
        self.era = ""  # the version of the protocol that was agreed on
        self.tools: tuple[OfferedTool, ...] = ()
        self._client: Client | None = None
        self._lost = asyncio.Event()
        self._settled = asyncio.Event()  # the first attempt since it was lost is over
        self._wanted = asyncio.Event()
        self._list_changed = asyncio.Event()
        self._n_timeouts = 0
        self._told = ""  # in the log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"mcp {self.settings.name}")

    async def close(self) -> None:
        """The program is gone when this returns."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def is_ready(self) -> bool:
        """Whether it can be asked. Waits for one that is on its way, and has one that failed tried again soon."""
        self._wanted.set()
        if self.state == "ready" and self._lost.is_set():  # its task has not heard of it yet
            self._settle("connecting")
        if self.state != "connecting":
            return self.state == "ready"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_S):
                await self._settled.wait()
        return self._is_usable()

    def _is_usable(self) -> bool:
        return self.state == "ready"

    async def call(self, name: str, arguments: dict[str, object], timeout_s: float) -> ToolOutput:
        """What the tool said. What goes wrong is an output, too."""
        if not await self.is_ready() or self._client is None:
            return _failure(f"the server {self.settings.name} is not connected: {self.error}")
        timeout_s = min(timeout_s, self.settings.tool_timeout_s)
        lost = self._lost
        try:
            async with asyncio.timeout(timeout_s):
                result = await self._client.call_tool(name, arguments)
        except TimeoutError:
            self._n_timeouts += 1
            if self._n_timeouts >= _MAX_TIMEOUTS:
                self._lose(lost, "it hangs")
            return _failure(f"{name} took longer than {timeout_s:.3g} s")
        except Exception as error:  # noqa: BLE001 - the SDK raises whatever its transports do
            return self._failed(name, error, lost)
        self._n_timeouts = 0
        return _output(result)

    def _failed(self, name: str, error: Exception, lost: asyncio.Event) -> ToolOutput:
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED

        reason = _reason(error)
        if not isinstance(error, MCPError) or error.code == CONNECTION_CLOSED:
            reason = f"the connection to the server {self.settings.name} broke off ({reason})"
            self._lose(lost, reason)
        _log.warning("a tool failed", extra={"mcp_server": self.settings.name, "tool": name, "reason": reason})
        return _failure(reason)

    def _lose(self, lost: asyncio.Event, reason: str) -> None:
        if lost is self._lost and self.state == "ready":
            self.error = reason
            lost.set()
            self._settle("connecting")

    def _settle(self, state: McpState) -> None:
        self.state = state
        if state == "connecting":
            self._client = None
            self._settled.clear()
        else:
            self._settled.set()

    async def _run(self) -> None:
        pause_s, clock = _FIRST_PAUSE_S, asyncio.get_running_loop().time
        while True:
            begun_at, was_connected = clock(), False
            try:
                await self._connected()
                was_connected = True
            except Exception as error:  # noqa: BLE001 - the same; a server's failure is never more than its own
                self.error = _reason(error)
                was_connected = self.state == "ready" or self._lost.is_set()
            self._settle("connecting" if was_connected else "failed")
            pause_s = _FIRST_PAUSE_S if clock() - begun_at > _STEADY_S else pause_s
            self._tell(was_connected)
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, _LAST_PAUSE_S)

    def _tell(self, was_connected: bool) -> None:
        """Once for each reason: it is tried again and again."""
        if was_connected or self.error != self._told:
            fields = {"mcp_server": self.settings.name, "reason": self.error}
            _log.warning("lost an MCP server" if was_connected else "can't connect to an MCP server", extra=fields)
        self._told = "" if was_connected else self.error

    async def _pause(self, pause_s: float) -> None:
        """Shorter for a server that is wanted."""
        self._wanted.clear()
        await asyncio.sleep(min(pause_s, 1.0))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s - min(pause_s, 1.0)):
                await self._wanted.wait()

    async def _connected(self) -> None:
        """From the first byte until it is lost."""
        from mcp import Client

        self._lost, self._n_timeouts = asyncio.Event(), 0
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    client = Client(self._transport(self._lost), **_about_us(self._hear))
                    await stack.enter_async_context(client)
                    await self._list(client)
            except TimeoutError:
                raise TimeoutError(f"it did not answer within {_CONNECT_S:g} s") from None
            self.era = str(client.protocol_version)
            self._client, self.error = client, ""
            self._settle("ready")
            fields = {"mcp_server": self.settings.name, "n_tools": len(self.tools), "protocol": self.era}
            _log.info("connected to an MCP server", extra=fields)
            await self._until_lost(client)

    async def _until_lost(self, client: Client) -> None:
        """A list that has changed is read again meanwhile."""
        lost = asyncio.create_task(self._lost.wait())
        try:
            while not lost.done():
                changed = asyncio.create_task(self._list_changed.wait())
                await asyncio.wait((lost, changed), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if self._list_changed.is_set() and not lost.done():
                    self._list_changed.clear()
                    async with asyncio.timeout(_CONNECT_S):
                        await self._list(client)
        finally:
            lost.cancel()
        if not self.error:
            self._settle("connecting")
            self.error = "it has ended"

    async def _hear(self, message: object) -> None:
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._list_changed.set()

    async def _list(self, client: Client) -> None:
        said: list[SaidTool] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await client.list_tools(cursor=cursor, cache_mode="refresh")
            said += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
        offer: ServerOffer = offer_of(said, self.settings.tool_prefix, self.settings.allowed_tools)
        self.tools = offer.tools
        for reason in offer.left_out[:10]:
            _log.warning("a tool is left out", extra={"mcp_server": self.settings.name, "reason": reason})

    def _transport(self, ended: asyncio.Event) -> AbstractAsyncContextManager[Any]:
        settings = self.settings
        if settings.command is not None:
            from lsrv.mcp.programs import program_streams

            command = [_filled(text) for text in (settings.command, *settings.args)]
            if shutil.which(command[0]) is None:
                raise FileNotFoundError(f"{command[0]}: no such program, or none that can be run")
            env = {name: _filled(value) for name, value in settings.env.items()}
            return program_streams(settings.name, command, env, settings.cwd, ended)
        from lsrv.mcp.addresses import address_streams

        headers = {name: _filled(value) for name, value in settings.headers.items()}
        return address_streams(_filled(settings.url or ""), headers, settings.tool_timeout_s)


def _about_us(hear: object) -> dict[str, Any]:
    from mcp_types import Implementation

    return {"client_info": Implementation(name="lsrv", version=lsrv.__version__), "message_handler": hear}


def _filled(text: str) -> str:
    return with_variables(text, os.environ)


def _output(result: CallToolResult) -> ToolOutput:
    text = output_text(result.content, result.structured_content)
    return ToolOutput(f"Error: {text}" if result.is_error else text, result.is_error)


def _failure(reason: str) -> ToolOutput:
    return ToolOutput(f"Error: {reason}", is_error=True)


def _reason(error: BaseException) -> str:
    """In one line; of a group of errors the first one."""
    while isinstance(error, BaseExceptionGroup):
        inner: Sequence[BaseException] = error.exceptions  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
        error = inner[0]
    text = " ".join(str(error).split())[:500]
    return text or type(error).__name__

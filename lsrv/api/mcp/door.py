"""/mcp: streamable HTTP without sessions, of both eras, as the SDK speaks it. Imports the SDK when it is first asked.

Host, machine, Origin and key were checked by the gate; the SDK's own checks of those are off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

import lsrv
from lsrv.api.mcp.inner_request import ask_inside
from lsrv.api.mcp.model_tools import BY_NAME, TOOLS, ModelTool

if TYPE_CHECKING:
    from mcp.server import Server, ServerRequestContext
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams


class McpDoor:
    """`app`: the server's gate, which answers what tools ask. Raises ImportError where the SDK is not installed."""

    def __init__(self, app: Callable[[], ASGIApp], max_body_bytes: int) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        logging.getLogger("mcp").setLevel(logging.WARNING)  # each request is told by ours
        self._app = app
        self._manager: StreamableHTTPSessionManager = StreamableHTTPSessionManager(
            self._server(), stateless=True, json_response=True, max_request_body_size=max_body_bytes
        )
        self._has_opened, self._is_closing = asyncio.Event(), asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._has_opened.wait()
        await self._manager.handle_request(scope, receive, send)  # pyright: ignore[reportArgumentType]  # the same ASGI

    async def close(self) -> None:
        self._is_closing.set()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        async with self._manager.run():
            self._has_opened.set()
            await self._is_closing.wait()

    def _server(self) -> Server[Any]:
        from mcp.server import Server

        return Server(
            "lsrv",
            version=lsrv.__version__,
            instructions="Language models on this machine: chat with them, embed, rerank.",
            on_list_tools=_list_tools,
            on_call_tool=self._call_tool,
        )

    async def _call_tool(self, context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        tool = BY_NAME.get(params.name)
        if tool is None:
            return _result(f"There is no tool {params.name[:64]!r}; there are: {', '.join(BY_NAME)}.", is_error=True)
        arguments = params.arguments or {}
        if unknown := sorted(arguments.keys() - tool.properties.keys()):
            return _result(
                f"{tool.name} takes no {unknown[0][:64]!r}; it takes: {', '.join(tool.properties)}.", is_error=True
            )
        if missing := [name for name in tool.required if name not in arguments]:
            return _result(f"{tool.name} needs {missing[0]}.", is_error=True)
        outer: Mapping[str, Any] = context.request.scope  # pyright: ignore[reportOptionalMemberAccess]  # HTTP has one
        status, answer = await ask_inside(self._app(), outer, tool.method, tool.path, tool.body(arguments))
        return _result(_said(tool, status, answer), is_error=status >= 400)


async def _list_tools(context: object, params: PaginatedRequestParams | None) -> ListToolsResult:
    from mcp_types import ListToolsResult, Tool

    return ListToolsResult(
        tools=[Tool(name=tool.name, description=tool.description, input_schema=tool.input_schema) for tool in TOOLS]
    )


def _said(tool: ModelTool, status: int, answer: bytes) -> str:
    if status >= 400:
        return _message(answer)
    return answer.decode() if tool.text is None else tool.text(msgspec.json.decode(answer))


class _FlatError(msgspec.Struct):
    message: str = ""


class _AnyError(msgspec.Struct):
    """An error in either of the forms that the settings choose between."""

    error: _FlatError | None = None
    message: str = ""


def _message(answer: bytes) -> str:
    said = msgspec.json.decode(answer, type=_AnyError)
    return said.message if said.error is None else said.error.message


def _result(text: str, *, is_error: bool = False) -> CallToolResult:
    from mcp_types import CallToolResult, TextContent

    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)

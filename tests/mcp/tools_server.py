"""`python -m tests.mcp.tools_server [--http]`: a server of tools for tests, written with the SDK.

Over HTTP it takes a free port, and prints its address first.
"""

import asyncio
import os
import socket
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("tools")


@server.tool()
def add(a: int, b: int) -> str:
    """The sum of two numbers."""
    return str(a + b)


@server.tool()
def secret() -> str:
    """What stands in the environment."""
    return os.environ.get("TOKEN", "none")


@server.tool()
def long_text(n_chars: int) -> str:
    """A text of so many characters."""
    return "x" * n_chars


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("as it is meant to")


@server.tool()
async def hang() -> str:
    """Never ends."""
    await asyncio.Event().wait()
    return ""


@server.tool()
def die() -> str:
    """Ends the server."""
    os._exit(3)


def main() -> None:
    if "--http" not in sys.argv:
        sys.stderr.write("the server of tools begins\n")
        server.run("stdio")
        return
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    app = server.streamable_http_app()
    asyncio.run(uvicorn.Server(uvicorn.Config(app, log_level="error")).serve([listener]))


if __name__ == "__main__":
    main()

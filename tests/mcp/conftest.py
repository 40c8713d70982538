"""One server for these tests: the demo, which calls tools, and MCP servers of all kinds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, RunningServer, wait_until

OLD = str(Path(__file__).with_name("old_server.py"))
NAMES = ["new", "web", "old", "dying", "hanging", "liar", "odd", "gone"]


def program(name: str, *args: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "command": sys.executable, "args": list(args)} | more


@pytest.fixture(scope="package")
def web_server() -> Iterator[str]:
    """The address of a server of tools over HTTP."""
    command = [sys.executable, "-m", "tests.mcp.tools_server", "--http"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture(scope="package")
def served(web_server: str) -> Iterator[RunningServer]:
    tools, env = ("-m", "tests.mcp.tools_server"), {"TOKEN": "hello", "PYTHONPATH": str(ROOT)}
    servers = [
        program("new", *tools, env=env, allowed_tools=["secret"]),
        {"name": "web", "url": web_server, "allowed_tools": ["add"]},
        program("old", OLD, prefix=""),
        program("dying", OLD, "die"),
        program("hanging", *tools, env=env, allowed_tools=["hang"], tool_timeout=0.5),
        program("liar", OLD, "liar"),
        program("odd", OLD, "odd"),
        {"name": "gone", "command": "/no/such/program"},
    ]
    settings = {"port": 0, "spare_workers": 0, "drain_timeout": "5s", "api_keys": ["key"]}
    models = [{"model_id": "lsrv-demo", "alias": ["demo"]}]
    running = RunningServer({"server": settings, "models": models, "mcp": {"servers": servers, "max_rounds": 2}}, {})
    running.http.headers["authorization"] = "Bearer key"
    wait_until(lambda: model(running)["mcp_servers_connected"] == len(NAMES) - 1)
    yield running
    running.stop()


def model(served: RunningServer) -> dict[str, Any]:
    found: dict[str, Any] = served.http.get("/v1/models/demo").json()
    return found

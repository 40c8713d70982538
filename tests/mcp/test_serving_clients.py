"""/mcp with the SDK's own client, in both eras of the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.conftest import RunningServer

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("chat", {"prompt": "Hello", "max_tokens": 8, "temperature": 0}),
    ("list_models", {}),
    ("chat", {"prompt": "Hello", "model": "nobody"}),
    ("chat", {"prompt": "Hello", "tokens": 1}),
    ("nothing", {}),
]


async def _talk(url: str, mode: Any) -> tuple[str, list[str], list[tuple[bool, str]]]:
    headers = {"authorization": "Bearer key"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        names = [tool.name for tool in (await client.list_tools()).tools]
        answers = [await client.call_tool(name, arguments) for name, arguments in CALLS]
        said = [(answer.is_error, getattr(answer.content[0], "text", "")) for answer in answers]
        return client.protocol_version, names, said


@pytest.mark.parametrize(("mode", "era"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_clients_of_both_eras_find_and_call_the_models(served: RunningServer, mode: str, era: str) -> None:
    version, names, said = asyncio.run(_talk(served.url, mode))
    asked = {"model": "demo", "messages": "Hello", "max_tokens": 8, "temperature": 0}
    same = served.http.post("/v1/chat/completions", json=asked).json()["choices"][0]["message"]["content"]
    assert version == era
    assert names == ["chat", "complete", "embed", "rerank", "list_models", "load_model", "unload_model"]
    assert said[0] == (False, same)
    assert [is_error for is_error, _ in said] == [False, False, True, True, True]
    assert '"mcp_tools_count"' in said[1][1] and "nobody" in said[2][1] and "tokens" in said[3][1]


def test_it_has_the_rules_of_all_other_routes(served: RunningServer) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    strange = {"authorization": "Bearer other"}
    assert served.http.post("/mcp", json=body, headers=strange).status_code == 401
    assert served.http.post("/mcp", json=body, headers={"origin": "http://evil.example"}).status_code == 403
    assert served.http.post("/mcp", json=body, headers={"host": "evil.example"}).status_code == 403
    assert served.http.get("/mcp").status_code == 405

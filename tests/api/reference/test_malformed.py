"""Bodies that are wrong in some place are refused, by every route that reads one: 4xx in its own shape, never 5xx."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from lsrv.api.routes import ROUTES
from lsrv.api.routing.route import ID
from tests.api.reference.described import assert_described, reference
from tests.conftest import TINY, RunningServer

# What ends the server's work, or fetches from the net, is asked with what can't be read alone.
QUIET = ("/admin/stop", "/api/pull", "/v1/models/disable", "/v1/models/unload")
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    2**80,
    "",
    "\x00",
    "a" * 300,
    [],
    [None],
    [[[]]],
    {},
    {"": {}},
    {"type": 7},
)
RPC = "/mcp"  # its SDK tells what is wrong, as JSON-RPC does
READING = [
    route
    for route in ROUTES
    if route.method == "POST" and route.body is not None and ID not in route.path and route.path != RPC
]
N_BODIES = 12


@pytest.mark.parametrize("route", READING, ids=[route.path for route in READING])
def test_no_body_is_an_error_of_the_server(server: RunningServer, route: Any) -> None:
    for raw in (b"", b"{", b"[1]", b'"text"', b"\xff", b'{"a":' * 2000, *_bodies(route.path)):
        answer = server.http.post(route.path, content=raw)
        assert answer.status_code < 500, (raw, answer.text)
        if answer.status_code != 200:
            assert_described("POST", route.path, answer.json(), status=answer.status_code)


def _bodies(path: str) -> Iterator[bytes]:
    """Objects with fields of that route, some of them wrong; the same ones in every run."""
    if path in QUIET:
        return
    chance = random.Random(path)
    fields = _fields(path)
    for _ in range(N_BODIES):
        chosen = chance.sample(fields, min(3, len(fields)))
        body = {name: chance.choice(WRONG) for name in chosen}
        asked = {"model": TINY, "max_tokens": 1, "num_predict": 1, "n_predict": 1, "prompt": "a", "input": "a"}
        yield json.dumps(asked | {"messages": [{"role": "user", "content": "a"}], "stream": False} | body).encode()


def _fields(path: str) -> list[str]:
    document = reference()
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
    return sorted(named.get("properties", {}))

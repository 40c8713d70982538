"""What those who watch a server are told, over HTTP; and the bounds of one who does not keep up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import pytest

from lsrv.api.feed import Feed, RequestStarted
from tests.conftest import DEADLINE_S, RunningServer, StartServer, wait_until
from tests.upstream_server import UpstreamServer

Event = tuple[str, dict[str, Any]]


class Watcher:
    """Reads /admin/events in a thread until the stream ends."""

    def __init__(self, server: RunningServer) -> None:
        self.events: list[Event] = []
        self.has_ended = False  # well: a connection that breaks off raises
        self._thread = threading.Thread(target=self._read, args=(server,), daemon=True)
        self._thread.start()
        wait_until(lambda: self.events)

    def _read(self, server: RunningServer) -> None:
        with httpx.stream("GET", f"{server.url}/admin/events", timeout=DEADLINE_S) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.events.append((name, json.loads(line.removeprefix("data: "))))
        self.has_ended = True

    def named(self, *names: str) -> list[Event]:
        return [event for event in self.events if event[0] in names]

    def ended(self) -> None:
        self._thread.join(DEADLINE_S)
        assert self.has_ended


def test_a_watcher_sees_loads_requests_and_unloads_as_they_happen(start_server: StartServer) -> None:
    server = start_server()
    watcher = Watcher(server)
    ((_, snapshot),) = watcher.named("snapshot")
    assert [(model["id"], model["status"]) for model in snapshot["models"]] == [("tiny", "unloaded")]
    body = {"model": "tiny", "prompt": "Once", "max_tokens": 3}
    server.http.post("/v1/completions", json=body, headers={"x-request-id": "r-1"})
    server.http.post("/v1/models/unload", json={"model_id": "tiny"})
    wait_until(lambda: len(watcher.named("status")) == 3)
    loading, loaded, unloaded = (data for _, data in watcher.named("status"))
    assert loading == {"model_id": "tiny", "status": "reloading"}
    assert (loaded["status"], loaded["load_s"] > 0) == ("loaded", True)
    assert unloaded == {"model_id": "tiny", "status": "unloaded", "reason": "its operator asked for it"}
    assert {"weights", "warmup"} <= {data["stage"] for _, data in watcher.named("progress")}
    (_, started), (_, finished) = watcher.named("request_started", "request_finished")
    assert started == {"request_id": "r-1", "model_id": "tiny", "route": "/v1/completions"}
    assert (finished["request_id"], finished["status"], finished["n_completion_tokens"]) == ("r-1", 200, 3)
    assert finished["seconds"] > 0
    assert server.stop() == 0
    watcher.ended()


def test_health_checks_and_listings_are_no_news(server: RunningServer) -> None:
    watcher = Watcher(server)
    server.http.get("/health")
    server.http.get("/v1/models")
    server.http.post("/tokenize", json={"content": "a", "model": "tiny"})
    wait_until(lambda: watcher.named("request_finished"))
    assert [data["route"] for _, data in watcher.named("request_started")] == ["/v1/tokenize"]


def test_an_upstream_that_fails_and_comes_back_is_news(start_server: StartServer) -> None:
    with UpstreamServer() as upstream:
        far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("moody")}}
        server = start_server(models=[far])
        watcher = Watcher(server)

        def ask(user: str) -> int:
            body = {"model": "far", "messages": [{"role": "user", "content": "Hello"}], "user": user}
            return server.http.post("/v1/chat/completions", json=body).status_code

        patient = threading.Thread(target=ask, args=("patient",))
        patient.start()
        wait_until(lambda: upstream.requests_to("moody"))
        upstream.script.is_broken = True
        assert [ask("hasty") for _ in range(4)] == [502, 502, 502, 503]
        wait_until(lambda: watcher.named("status"))
        upstream.script.is_broken = False
        upstream.script.gate.release()
        patient.join()
        assert ask("hasty") == 200
        wait_until(lambda: len(watcher.named("request_finished")) == 6)
        (_, failed), (_, back) = watcher.named("status")
        assert (failed["model_id"], failed["status"]) == ("far", "error")
        assert failed["error"]["message"].endswith("out of order")
        assert back == {"model_id": "far", "status": "loaded"}


def test_a_failed_load_tells_its_reason(start_server: StartServer) -> None:
    server = start_server(models=[{"model_id": "gone.gguf"}])
    watcher = Watcher(server)
    server.http.post("/v1/models/load", json={"model_id": "gone.gguf"})
    wait_until(lambda: len(watcher.named("status")) == 2)
    failed = watcher.named("status")[-1][1]
    assert (failed["status"], failed["error"]["code"]) == ("error", "weights_not_found")


def test_a_watcher_that_leaves_is_forgotten(start_server: StartServer) -> None:
    server = start_server()

    def n_open() -> float:
        return server.metric("lsrv_event_readers")

    with httpx.stream("GET", f"{server.url}/admin/events", timeout=DEADLINE_S) as answer:
        lines = answer.iter_lines()  # kept: its end would close the stream
        next(lines)
        assert n_open() == 1
    wait_until(lambda: n_open() == 0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def started(number: int) -> RequestStarted:
    return RequestStarted(request_id=str(number), model_id="m", route="r")


def names(batch: bytes) -> list[str]:
    return [line.removeprefix("event: ") for line in batch.decode().splitlines() if line.startswith("event: ")]


@pytest.mark.anyio
async def test_a_reader_that_falls_behind_gets_a_note_and_a_new_snapshot() -> None:
    snapshots: list[int] = []
    snapshot: Callable[[], object] = lambda: snapshots.append(0) or {"n": len(snapshots)}  # noqa: E731
    feed = Feed(snapshot)
    with feed.reader() as slow, feed.reader() as quick:
        assert names(await quick.next_batch()) == ["snapshot"]
        for number in range(600):
            feed.publish(started(number))
            assert names(await quick.next_batch()) == ["request_started"]
        batch = await slow.next_batch()
        assert names(batch) == ["dropped", "snapshot"]
        assert b'{"n_events":601}' in batch and b'{"n":3}' in batch
        feed.publish(started(601))
        assert names(await slow.next_batch()) == ["request_started"]


@pytest.mark.anyio
async def test_a_closed_feed_gives_what_is_left_and_then_nothing() -> None:
    feed = Feed(dict)
    with feed.reader() as reader:
        feed.publish(started(1))
        feed.close()
        assert names(await reader.next_batch()) == ["snapshot", "request_started"]
        assert await reader.next_batch() == b""

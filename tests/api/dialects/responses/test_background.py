"""Responses in the background: queued, made without their client, followed, taken up again, cancelled, interrupted."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY, RunningServer, StartServer, wait_until

GREEDY = {"model": TINY, "temperature": 0, "max_output_tokens": 12, "input": "Once upon a time", "background": True}
ENDLESS = {"ignore_eos": True, "max_output_tokens": -1}


def create(server: RunningServer, **body: Any) -> Any:
    answer = server.http.post("/v1/responses", json=GREEDY | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def polled(server: RunningServer, response_id: str) -> Any:
    def is_over() -> bool:
        return server.http.get(f"/v1/responses/{response_id}").json()["status"] not in ("queued", "in_progress")

    wait_until(is_over)
    return server.http.get(f"/v1/responses/{response_id}").json()


def events_of(text: str) -> list[Any]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_it_is_queued_at_once_and_made_without_its_client(server: RunningServer) -> None:
    queued = create(server)
    assert (queued["status"], queued["output"], queued["background"]) == ("queued", [], True)
    made = polled(server, queued["id"])
    whole = server.http.post("/v1/responses", json=GREEDY | {"background": False}).json()
    assert (made["status"], made["created_at"]) == ("incomplete", queued["created_at"])
    assert made["output"][0]["content"] == whole["output"][0]["content"]


def test_its_events_come_at_once_and_again_from_any_place(server: RunningServer) -> None:
    events = events_of(server.http.post("/v1/responses", json=GREEDY | {"stream": True}).text)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    names = [event["type"] for event in events]
    assert names[:3] == ["response.created", "response.queued", "response.in_progress"]
    where = f"/v1/responses/{events[0]['response']['id']}"
    again = events_of(server.http.get(where, params={"stream": "true", "starting_after": 4}).text)
    assert again == events[5:]
    assert events_of(server.http.get(where, params={"stream": "true"}).text) == events
    assert server.http.get(where, params={"stream": "true", "starting_after": "x"}).status_code == 400


def test_a_cancelled_one_is_over(server: RunningServer) -> None:
    queued = create(server, grammar={"type": "regex", "value": "a{400}"}, **ENDLESS)
    cancelled = server.http.post(f"/v1/responses/{queued['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    assert server.http.get(f"/v1/responses/{queued['id']}").json()["status"] == "cancelled"
    assert server.http.post(f"/v1/responses/{queued['id']}/cancel").json()["status"] == "cancelled"
    done = server.http.post("/v1/responses", json=GREEDY | {"background": False}).json()
    assert server.http.post(f"/v1/responses/{done['id']}/cancel").status_code == 400
    assert server.http.delete(f"/v1/responses/{queued['id']}").status_code == 200
    assert server.http.get(f"/v1/responses/{queued['id']}").status_code == 404


def test_what_fails_before_it_begins_is_failed(server: RunningServer) -> None:
    events = events_of(
        server.http.post("/v1/responses", json=GREEDY | {"input": "Once upon a time " * 200, "stream": True}).text
    )
    assert [event["type"] for event in events[-2:]] == ["response.failed", "error"]
    assert events[-1]["error"]["code"] == "context_length_exceeded"
    assert polled(server, events[0]["response"]["id"])["error"]["message"] == events[-1]["message"]


@pytest.mark.parametrize("body", [{"model": "nope"}, {"store": False}, {"input": []}])
def test_what_is_wrong_with_it_is_said_at_once(server: RunningServer, body: dict[str, Any]) -> None:
    assert server.http.post("/v1/responses", json=GREEDY | body).status_code in (400, 404)


def test_what_was_made_when_its_server_died_is_failed(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    one = start_server()
    queued = create(one, **ENDLESS, grammar={"type": "regex", "value": "a{400}"})
    one.process.send_signal(signal.SIGKILL)
    one.process.wait()
    found = start_server().http.get(f"/v1/responses/{queued['id']}").json()
    assert (found["status"], found["error"]["code"]) == ("failed", "server_error")

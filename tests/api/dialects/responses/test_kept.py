"""Responses that are kept: got, listed, gone on with, forgotten; over restarts, below bounds, on sick disks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY, RunningServer, StartServer, wait_until

GREEDY = {"model": TINY, "temperature": 0, "max_output_tokens": 6}


def create(server: RunningServer, text: Any = "Once upon a time", **body: Any) -> Any:
    return server.http.post("/v1/responses", json=GREEDY | {"input": text} | body).json()


def test_a_response_is_there_until_it_is_deleted(server: RunningServer) -> None:
    made = create(server, metadata={"a": "b"})
    where = f"/v1/responses/{made['id']}"
    assert made["store"] is True
    assert server.http.get(where).json() == made
    assert server.http.delete(where).json() == {"id": made["id"], "object": "response", "deleted": True}
    for gone in (server.http.get(where), server.http.delete(where), server.http.get(f"{where}/input_items")):
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


def test_a_stream_is_kept_before_its_client_hears_that_it_is_over(server: RunningServer) -> None:
    with server.http.stream("POST", "/v1/responses", json=GREEDY | {"input": "Once", "stream": True}) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data:")]
    response_id = lines[0].split('"id":"')[1].split('"')[0]
    kept = server.http.get(f"/v1/responses/{response_id}").json()
    assert kept["status"] == "incomplete"
    assert kept["output"][0]["content"][0]["text"]


def test_what_is_not_to_be_stored_is_not(server: RunningServer) -> None:
    made = create(server, store=False)
    assert made["store"] is False
    assert server.http.get(f"/v1/responses/{made['id']}").status_code == 404


def test_a_response_goes_on_from_the_one_before(server: RunningServer) -> None:
    first = create(server)
    said = first["output"][0]["content"][0]["text"]
    second = create(server, "there", previous_response_id=first["id"])
    third = create(server, "was", previous_response_id=second["id"], instructions="Tell.")
    history = [
        {"role": "system", "content": "Tell."},
        {"role": "user", "content": "Once upon a time"},
        {"role": "assistant", "content": said},
        {"role": "user", "content": "there"},
        {"role": "assistant", "content": second["output"][0]["content"][0]["text"]},
        {"role": "user", "content": "was"},
    ]
    whole = create(server, history, store=False)
    assert third["output"][0]["content"] == whole["output"][0]["content"]
    assert third["usage"]["input_tokens"] == whole["usage"]["input_tokens"]
    assert third["previous_response_id"] == second["id"]
    server.http.delete(f"/v1/responses/{first['id']}")
    gone = server.http.post("/v1/responses", json=GREEDY | {"input": "a", "previous_response_id": third["id"]})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "previous_response_not_found")
    assert gone.json()["error"]["param"] == "previous_response_id"


def test_items_are_listed_in_pages_and_referred_to(server: RunningServer) -> None:
    made = create(server, [{"role": "user", "content": text} for text in ("Once", "upon", "a")])
    where = f"/v1/responses/{made['id']}/input_items"
    whole = server.http.get(where).json()
    texts = [item["content"][0]["text"] for item in whole["data"]]
    assert (texts, whole["has_more"]) == (["a", "upon", "Once"], False)
    first = server.http.get(where, params={"order": "asc", "limit": 2}).json()
    assert ([item["content"][0]["text"] for item in first["data"]], first["has_more"]) == (["Once", "upon"], True)
    rest = server.http.get(where, params={"order": "asc", "after": first["last_id"]}).json()
    assert [item["content"][0]["text"] for item in rest["data"]] == ["a"]
    for wrong in ({"limit": 0}, {"limit": 101}, {"order": "up"}, {"after": "nothing"}):
        assert server.http.get(where, params=wrong).status_code == 400
    said = {"type": "item_reference", "id": made["output"][0]["id"]}
    by_reference = create(server, [said, {"role": "user", "content": "b"}])
    literally = create(server, [made["output"][0], {"role": "user", "content": "b"}])
    assert by_reference["output"][0]["content"] == literally["output"][0]["content"]
    lost = server.http.post("/v1/responses", json=GREEDY | {"input": [{"type": "item_reference", "id": "msg_0"}]})
    assert (lost.status_code, lost.json()["error"]["param"]) == (404, "input[0]")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_responses_survive_a_restart(start_server: StartServer, cache: Path) -> None:
    one = start_server()
    made = create(one)
    assert one.stop() == 0
    file = cache / "responses" / "kept.sqlite3"
    assert file.stat().st_mode & 0o077 == 0
    assert start_server().http.get(f"/v1/responses/{made['id']}").json() == made


def test_a_server_that_keeps_none_deletes_what_is_left(start_server: StartServer, cache: Path) -> None:
    one = start_server()
    made = create(one)
    assert one.stop() == 0
    other = start_server(server={"response_store": 0})
    assert create(other)["store"] is False
    assert other.http.get(f"/v1/responses/{made['id']}").status_code == 404
    wait_until(lambda: not (cache / "responses" / "kept.sqlite3").exists())


def test_a_disk_that_refuses_costs_no_answer(start_server: StartServer, cache: Path) -> None:
    cache.write_text("a file")
    own = start_server()
    for stream in (False, True):
        answer = own.http.post("/v1/responses", json=GREEDY | {"input": "Once", "stream": stream})
        assert answer.status_code == 200
        assert '"store":false' in answer.text
        assert "store: this response could not be kept" in answer.text
    found = own.http.get("/v1/responses/resp_0")
    assert (found.status_code, found.json()["error"]["code"]) == (503, "overloaded")

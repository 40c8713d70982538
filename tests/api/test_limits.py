"""Limits of one server, over HTTP: per key, per wait, per answer; what operators may read of it."""

import pytest

from tests.conftest import copies_of_stories
from tests.upstream_server import UpstreamServer

KEY, OTHER_KEY, ADMIN_KEY = "a-key-of-enough-characters", "b-key-of-enough-characters", "an-admin-key-of-enough"


def ask(server, key, **body):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return server.http.post("/v1/completions", json={"prompt": "Once", "max_tokens": 4} | body, headers=headers)


@pytest.fixture
def limited(start_server, tmp_path):
    """A request a minute, and errors with a message at the top."""
    rules = {"api_keys": (KEY, OTHER_KEY), "admin_keys": (ADMIN_KEY,), "requests_per_minute": 1, "flat_errors": True}
    return start_server(server=rules, models=copies_of_stories(tmp_path)[:1])


def test_a_key_has_its_own_requests_per_minute_and_admins_have_any_number(limited):
    assert ask(limited, ADMIN_KEY).status_code == 200  # loads the model: that may take its time
    assert ask(limited, KEY).status_code == 200
    refused = ask(limited, KEY)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["type"]) == (429, "rate_limit_exceeded", "rate_limit_error")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["message"] == refused.json()["detail"] == error["message"]
    assert ask(limited, OTHER_KEY).status_code == 200
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    assert [ask(limited, ADMIN_KEY).status_code for _ in range(3)] == [200] * 3
    workload = limited.http.get("/admin/workload-stats", headers=admin).json()
    assert (workload["total"]["n_requests"], workload["total"]["n_completion_tokens"]) == (6, 24)
    reset = limited.http.post("/admin/reset-metrics", headers=admin).json()
    assert reset["before"]["total"] == workload["total"]
    assert limited.http.get("/admin/workload-stats", headers=admin).json()["total"]["n_requests"] == 0
    shown = limited.http.get("/admin/config", headers=admin)
    assert shown.json()["settings"]["server"]["requests_per_minute"] == 1
    assert KEY not in shown.text and ADMIN_KEY not in shown.text and "(hidden)" in shown.text
    caches = limited.http.get("/admin/cache-stats", headers=admin).json()
    assert [cache["id"] for cache in caches["prefix_caches"]] and "models" in caches["response_cache"]
    assert limited.http.get("/v1/system/info", headers=admin).json()["memory"]["total_bytes"] > 0
    assert next(iter(limited.http.get("/modelz").json()["models"].values()))["is_default"] is True


def chat(server, model, **body):
    messages = [{"role": "user", "content": "Hi"}]
    return server.http.post("/v1/chat/completions", json={"model": model, "messages": messages} | body)


@pytest.fixture
def far():
    with UpstreamServer() as running:
        yield running


def test_who_waits_too_long_for_a_place_is_told(start_server, far):
    upstream = {"base_url": far.base_url("gated"), "max_concurrency": 1}
    entry = {"model_id": "far", "kind": "upstream", "upstream": upstream, "queue_timeout": "100ms"}
    server = start_server(models=[entry])
    body = {"model": "far", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with server.http.stream("POST", "/v1/chat/completions", json=body) as stream:
        far.script.gate.release()
        lines = stream.iter_lines()  # kept: a generator that is forgotten closes the stream
        next(line for line in lines if '"content":"one"' in line)  # it writes, and keeps the only place
        refused = chat(server, "far")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_timeout")
    assert refused.headers["retry-after"] == "1"


def test_an_answer_that_takes_too_long_in_all_ends_in_an_error(start_server, far):
    entry = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": far.base_url("gated")}}
    server = start_server(server={"request_timeout": "200ms"}, models=[entry])
    for body in ({}, {"stream": True}):
        late = chat(server, "far", **body)
        assert (late.status_code, late.json()["error"]["code"]) == (504, "time_limit_exceeded")

"""Entries that another server answers for: a real lsrv, and a scripted server for what a real one rarely does."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import openai
import pytest

from tests.conftest import EMBEDDING, TINY, RunningServer, StartServer, wait_until
from tests.upstream_server import TOOL_CALL, UpstreamServer

KEY = "sk-of-the-upstream"
FAULTS = (
    *("redirect", "unauthorized", "forbidden", "busy", "refuse", "too_long", "page", "down", "fail", "hang", "stall"),
    *("cut", "unfinished", "broken_event", "error_event", "giant", "plain", "list"),
)
MESSAGES: Any = [{"role": "user", "content": "Once upon a time"}]


def entry(name: str, base_url: str, **upstream: Any) -> dict[str, Any]:
    return {"model_id": name, "kind": "upstream", "upstream": {"base_url": base_url} | upstream}


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamServer]:
    with UpstreamServer() as running:
        yield running


@pytest.fixture(scope="module")
def front(server: RunningServer, upstream: UpstreamServer) -> Iterator[RunningServer]:
    """A server without models of its own: a real server behind two entries, the scripted one behind all others."""
    os.environ["UPSTREAM_KEY"] = KEY
    scripted = {"api_key_env": "UPSTREAM_KEY", "headers": {"x-team": "blue"}, "timeout": 0.3}
    models = [
        entry("story", server.url, model=TINY),
        entry("vectors", f"{server.url}/v1/", model=EMBEDDING),
        entry("good", upstream.base_url("good"), model="their-model", **scripted),
        entry("gated", upstream.base_url("gated")),
        entry("endless", upstream.base_url("endless")),
        entry("narrow", upstream.base_url("waiting"), max_concurrency=1) | {"queue": 0},
        entry("queued", upstream.base_url("waiting"), max_concurrency=1),
        entry("reset", upstream.base_url("reset")),
        entry("moody", upstream.base_url("moody")),
        entry("nobody", "http://127.0.0.1:9"),
        entry("keyless", upstream.base_url("good"), api_key_env="LSRV_TEST_NO_SUCH_KEY"),
        *(entry(fault, upstream.base_url(fault), **scripted) for fault in FAULTS),
    ]
    models[2]["defaults"] = {"temperature": 0.25, "max_tokens": 9, "system": "Be brief."}
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": models}, {})
    yield running
    running.stop()


def ask(front: RunningServer, model: str, **fields: Any) -> httpx.Response:
    return front.http.post("/v1/chat/completions", json={"model": model, "messages": MESSAGES} | fields)


def forgive(front: RunningServer, model: str) -> None:
    """Tests share the servers: failures of others must not count here."""
    front.http.post("/v1/models/load", json={"model": model})


def events_of(front: RunningServer, model: str, **fields: Any) -> list[dict[str, Any]]:
    """The events of a stream; [DONE] as {}."""
    text = ask(front, model, stream=True, **fields).text
    lines = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    return [{} if line == "[DONE]" else json.loads(line) for line in lines]


# -- a real server behind it ---------------------------------------------------------------------------


def test_a_chat_is_answered_as_by_the_server_behind_it(server: RunningServer, front: RunningServer) -> None:
    options: Any = {"messages": MESSAGES, "max_tokens": 24, "temperature": 0, "logprobs": True, "top_logprobs": 2}
    server.openai().chat.completions.create(model=TINY, **options)  # so that both find the prompt in the cache
    there = server.openai().chat.completions.create(model=TINY, **options)
    here = front.openai().chat.completions.create(model="story", **options)
    assert here.choices[0].message == there.choices[0].message
    told, known = (answer.choices[0].logprobs.content for answer in (here, there))
    assert [each.token for each in told] == [each.token for each in known]
    assert [each.logprob for each in told] == pytest.approx([each.logprob for each in known], abs=0.01)
    assert here.usage is not None and here.usage.completion_tokens == 24
    assert here.model == "story" and here.id != there.id


def test_a_stream_brings_the_same_text_and_its_usage(server: RunningServer, front: RunningServer) -> None:
    options: Any = {"messages": MESSAGES, "max_tokens": 24, "temperature": 0}
    there = server.openai().chat.completions.create(model=TINY, **options)
    chunks = list(
        front.openai().chat.completions.create(
            model="story", stream=True, stream_options={"include_usage": True}, **options
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == there.choices[0].message.content
    assert {chunk.model for chunk in chunks} == {"story"} and len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 24


def test_completions_and_their_choices_pass(server: RunningServer, front: RunningServer) -> None:
    options: Any = {"prompt": ["Once", "Lily"], "n": 2, "max_tokens": 8, "temperature": 0}
    there = server.openai().completions.create(model=TINY, **options)
    here = front.openai().completions.create(model="story", **options)
    assert here.choices == there.choices and len(here.choices) == 4


@pytest.mark.parametrize("encoding_format", ["float", "base64"])
def test_embeddings_pass(server: RunningServer, front: RunningServer, encoding_format: Any) -> None:
    options: Any = {"input": ["a cat", "a dog"], "encoding_format": encoding_format, "dimensions": 8}
    there = server.openai().embeddings.create(model=EMBEDDING, **options)
    here = front.openai().embeddings.create(model="vectors", **options)
    assert here.data == there.data and here.model == "vectors"


def test_what_the_server_behind_refuses_is_refused_with_its_status(front: RunningServer) -> None:
    with pytest.raises(openai.BadRequestError, match=r"upstream of model 'story'.*temperature") as caught:
        front.openai().chat.completions.create(model="story", messages=MESSAGES, temperature=-1)
    assert caught.value.code == "upstream_refused"


def test_tokens_count_in_the_metrics(front: RunningServer) -> None:
    before = front.metric("lsrv_completion_tokens_total", model="story")
    ask(front, "story", max_tokens=3, temperature=0)
    assert front.metric("lsrv_completion_tokens_total", model="story") == before + 3


# -- what travels ----------------------------------------------------------------------------------------


OWN = {"priority": 3, "keep_alive": "1h", "response_cache": False, "session_id": "s", "cache_prompt": True, "cache": {}}


def test_tools_and_unknown_fields_travel_and_our_own_do_not(front: RunningServer, upstream: UpstreamServer) -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    answer = ask(front, "good", tools=tools, service_tier="flex", top_k=7, **OWN).json()
    sent = upstream.requests_to("good")[-1].body
    assert sent["tools"] == tools and sent["service_tier"] == "flex" and sent["top_k"] == 7
    assert sent["model"] == "their-model" and not OWN.keys() & sent.keys()
    assert answer["choices"][0]["message"]["tool_calls"] == [TOOL_CALL]
    assert answer["system_fingerprint"] == "fp_1"
    assert answer["model"] == "good" and answer["id"].startswith("chatcmpl-") and answer["created"] > 1


def test_the_defaults_of_the_entry_fill_what_the_request_leaves_open(
    front: RunningServer, upstream: UpstreamServer
) -> None:
    ask(front, "good", temperature=1.5)
    sent = upstream.requests_to("good")[-1].body
    assert (sent["temperature"], sent["max_tokens"]) == (1.5, 9)
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, *MESSAGES]
    ask(front, "good", max_completion_tokens=3)
    assert "max_tokens" not in upstream.requests_to("good")[-1].body


def test_the_key_is_that_of_the_environment_and_never_that_of_the_client(
    front: RunningServer, upstream: UpstreamServer
) -> None:
    front.openai(api_key="sk-of-the-client").chat.completions.create(model="good", messages=MESSAGES)
    headers = upstream.requests_to("good")[-1].headers
    assert headers["authorization"] == f"Bearer {KEY}" and headers["x-team"] == "blue"
    front.openai(api_key="sk-of-the-client").chat.completions.create(model="moody", messages=MESSAGES)
    assert "authorization" not in upstream.requests_to("moody")[-1].headers


def test_parts_of_tool_calls_pass_in_a_stream(front: RunningServer) -> None:
    *events, done = events_of(front, "good")
    assert done == {}
    assert [event["choices"][0]["delta"] for event in events] == [
        {"role": "assistant", "content": ""},
        {"tool_calls": [{"index": 0} | TOOL_CALL]},
        {},
    ]
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert {event["model"] for event in events} == {"good"}


def test_each_event_passes_before_the_next_one_is_made(front: RunningServer, upstream: UpstreamServer) -> None:
    upstream.script.gate.release()
    stream = front.openai().chat.completions.create(model="gated", messages=MESSAGES, stream=True)
    assert next(stream).choices[0].delta.content == "one"  # the server waits for the gate
    upstream.script.gate.release()
    assert [chunk.choices[0].delta.content for chunk in stream] == ["two", None]


def test_a_client_that_leaves_cancels_the_request_behind(front: RunningServer, upstream: UpstreamServer) -> None:
    upstream.script.has_lost_its_client.clear()
    stream = front.openai().chat.completions.create(model="endless", messages=MESSAGES, stream=True)
    next(stream)
    stream.close()
    assert upstream.script.has_lost_its_client.wait(20)
    wait_until(lambda: front.metric("lsrv_requests_running", model="endless") == 0)


def test_a_stream_without_done_is_whole_if_its_choices_have_ended(front: RunningServer) -> None:
    events = events_of(front, "unfinished")
    assert events[-1] == {} and events[-2]["choices"][0]["finish_reason"] == "stop"


# -- faults ------------------------------------------------------------------------------------------------

ERRORS = {
    "redirect": (502, "upstream_error", r"redirects to http://127.0.0.1:\d+/good/v1/chat/completions, .*base_url"),
    "unauthorized": (502, "upstream_error", r"refuses our key \(401\): check the variable UPSTREAM_KEY"),
    "forbidden": (502, "upstream_error", r"refuses our key \(403\): check the variable UPSTREAM_KEY"),
    "busy": (429, "upstream_busy", "slow down"),
    "refuse": (400, "upstream_refused", "top_k is unknown said …$"),
    "too_long": (400, "context_length_exceeded", "8000 tokens are too many"),
    "page": (404, "upstream_refused", "gave no reason; check that base_url"),
    "down": (503, "upstream_unavailable", "serves nobody now: loading"),
    "fail": (502, "upstream_failed", r"failed \(500\): cuda out of memory"),
    "hang": (504, "upstream_timeout", r"http://127.0.0.1:\d+/hang/v1.* was silent for 0.3 s; raise `timeout`"),
    "plain": (502, "upstream_error", "sent what is no JSON; check that base_url"),
    "list": (502, "upstream_error", "sent what is no JSON object"),
    "nobody": (502, "upstream_failed", r"http://127.0.0.1:9/v1\) can't be reached"),
    "keyless": (502, "upstream_error", "needs a key, and the variable LSRV_TEST_NO_SUCH_KEY"),
}


@pytest.mark.parametrize(
    ("fault", "is_streaming"),
    [*((fault, False) for fault in ERRORS), *((fault, True) for fault in ERRORS if fault not in ("plain", "list"))],
)
def test_a_fault_before_the_answer_has_a_status_and_a_mend(
    front: RunningServer, fault: str, is_streaming: bool
) -> None:
    status, code, message = ERRORS[fault]
    forgive(front, fault)
    response = ask(front, fault, stream=is_streaming)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert httpx.Headers(response.headers)["content-type"] == "application/json"
    assert re.search(message, error["message"]), error["message"]
    assert KEY not in response.text and "secret" not in response.text


def test_a_retry_after_is_passed_on(front: RunningServer) -> None:
    forgive(front, "down")
    assert ask(front, "busy").headers["retry-after"] == "17"
    assert ask(front, "down").headers["retry-after"] == "23"


def test_a_redirect_is_not_followed(front: RunningServer, upstream: UpstreamServer) -> None:
    forgive(front, "redirect")
    n_before = len(upstream.requests_to("good"))
    assert ask(front, "redirect").status_code == 502
    assert len(upstream.requests_to("good")) == n_before


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("stall", "was silent for 0.3 s"),
        ("cut", "the stream ended before the answer did"),
        ("broken_event", "sent what is no JSON"),
        ("error_event", "broke off: the model died"),
    ],
)
def test_a_fault_within_a_stream_is_its_last_event(front: RunningServer, fault: str, message: str) -> None:
    forgive(front, fault)
    first, last = events_of(front, fault)
    assert first["choices"][0]["delta"]["content"] == "one"
    assert message in last["error"]["message"]


def test_a_connection_that_is_reset_is_the_last_event(front: RunningServer, upstream: UpstreamServer) -> None:
    with pytest.raises(openai.APIError, match="broke the connection"):
        for _ in front.openai().chat.completions.create(model="reset", messages=MESSAGES, stream=True):
            upstream.script.gate.release()


@pytest.mark.parametrize(("fault", "message"), [("giant", "an event of more than"), ("plain", "'text/plain'")])
def test_what_is_no_stream_is_refused(front: RunningServer, fault: str, message: str) -> None:
    forgive(front, fault)
    response = ask(front, fault, stream=True)
    assert response.status_code == 502 and message.strip("'") in response.json()["error"]["message"]


def test_the_key_is_in_no_log_line(front: RunningServer) -> None:
    for fault in ("unauthorized", "refuse"):
        forgive(front, fault)
        ask(front, fault)
    assert KEY not in front.log


# -- health and limits ---------------------------------------------------------------------------------------


def test_after_three_failures_it_is_left_alone_and_says_why(front: RunningServer, upstream: UpstreamServer) -> None:
    upstream.script.is_broken = True
    assert [ask(front, "moody").status_code for _ in range(3)] == [502] * 3
    n_before = len(upstream.requests_to("moody"))
    refused = ask(front, "moody")
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) in range(1, 6)
    assert "failed 3 times in a row" in refused.text and "out of order" in refused.text
    assert len(upstream.requests_to("moody")) == n_before
    model = front.http.get("/v1/models/moody").json()
    assert (model["status"], model["endpoint_status"]) == ("error", "error")
    assert "out of order" in model["error"]["message"]

    upstream.script.is_broken = False
    assert front.http.post("/v1/models/load", json={"model": "moody"}).json()["status"] == "loaded"
    assert ask(front, "moody").status_code == 200
    assert front.http.get("/v1/models/moody").json()["status"] == "loaded"


def test_a_request_without_a_place_is_told_to_come_again(front: RunningServer, upstream: UpstreamServer) -> None:
    first = threading.Thread(target=lambda: ask(front, "narrow"))
    first.start()
    wait_until(lambda: front.metric("lsrv_requests_running", model="narrow") == 1)
    second = ask(front, "narrow")
    upstream.script.gate.release()
    first.join()
    assert second.status_code == 429 and second.json()["error"]["code"] == "queue_full"
    upstream.script.gate.release()
    assert ask(front, "narrow").status_code == 200


def test_places_of_an_upstream_go_by_priority(front: RunningServer, upstream: UpstreamServer) -> None:
    gate, n_before = upstream.script.gate, len(upstream.requests_to("waiting"))
    asking: list[threading.Thread] = []
    for name, fields in (("first", {}), ("usual", {}), ("high", {"priority": 2}), ("tier", {"service_tier": "fast"})):
        asking.append(threading.Thread(target=ask, args=(front, "queued"), kwargs=fields | {"user": name}))
        asking[-1].start()
        n_asked = len(asking)
        wait_until(
            lambda n_asked=n_asked: (
                front.metric("lsrv_requests_running", model="queued")
                + front.metric("lsrv_requests_waiting", model="queued")
                == n_asked
            )
        )
    for _ in asking:
        gate.release()
    for thread in asking:
        thread.join()
    received = upstream.requests_to("waiting")[n_before:]
    assert [each.body["user"] for each in received] == ["first", "high", "tier", "usual"]
    assert [each.body.get("service_tier") for each in received] == [None, None, "fast", None]
    assert ask(front, "queued", priority=11).json()["error"]["param"] == "priority"


# -- as an entry -----------------------------------------------------------------------------------------------


def test_it_is_listed_as_loaded_and_owned_by_another(front: RunningServer) -> None:
    models = {model["id"]: model for model in front.http.get("/v1/models").json()["data"]}
    assert models["good"]["owned_by"] == "openai"
    assert (models["good"]["status"], models["good"]["endpoint_status"]) == ("loaded", "ready")
    assert models["keyless"]["status"] == "error"
    assert "LSRV_TEST_NO_SUCH_KEY" in models["keyless"]["error"]["message"]


@pytest.mark.parametrize(
    ("verb", "status"), [("load", "loaded"), ("reload", "loaded"), ("status", "loaded"), ("unload", "no_loader_config")]
)
def test_verbs_find_nothing_to_do(front: RunningServer, verb: str, status: str) -> None:
    answer = front.http.post(f"/v1/models/{verb}", json={"model": "good"}).json()
    assert answer["status"] == status
    assert verb != "unload" or "nothing to load, unload" in answer["error"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/tokenize", {"content": "x"}, "whose tokens and template are not known here"),
        ("/detokenize", {"tokens": [1]}, "whose tokens and template are not known here"),
        ("/v1/models/tune", {}, "there is nothing to load"),
        ("/v1/chat/completions", {"messages": MESSAGES, "adapters": ["x"]}, "has no adapters"),
        ("/v1/load_lora_adapter", {"lora_name": "x", "lora_path": "x.gguf"}, "adapter_folder"),
    ],
)
def test_what_only_models_of_this_machine_can_do_is_refused(
    front: RunningServer, path: str, body: dict[str, Any], message: str
) -> None:
    response = front.http.post(path, json={"model": "good"} | body)
    assert response.status_code in (400, 403) and message in response.json()["error"]["message"]


def test_what_outlasts_the_drain_ends_with_an_error(start_server: StartServer, upstream: UpstreamServer) -> None:
    front = start_server(server={"drain_timeout": "0.2s"}, models=[entry("stall", upstream.base_url("stall"))])
    stream = front.openai().chat.completions.create(model="stall", messages=MESSAGES, stream=True)
    assert next(stream).choices[0].delta.content == "one"
    front.process.terminate()
    with pytest.raises(openai.APIError, match="the server is stopping"):
        next(stream)
    assert front.process.wait(20) == 0

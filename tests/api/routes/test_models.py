"""/v1/models, the model verbs, health, readiness, metrics and the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest

from lsrv.demo import MODEL_ID
from tests.conftest import EMBEDDING, OTHER, TINY, RunningServer, StartServer, copies_of_stories, wait_until


def verb(server: RunningServer, name: str, model: str | None, query: str = "", **body: Any) -> Any:
    return server.http.post(f"/v1/models/{name}{query}", json={"model_id": model} | body)


def test_the_list_is_default_then_config_order(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["default", TINY, OTHER, EMBEDDING]


def test_default_has_no_status(server: RunningServer) -> None:
    first, *others = server.http.get("/v1/models").json()["data"]
    assert "status" not in first
    assert all(other["status"] and other["owned_by"] == "local" for other in others)


def test_listing_loads_nothing(start_server: StartServer) -> None:
    own = start_server()
    for path in ("/v1/models", "/v1/models/tiny", "/health", "/readyz", "/metrics"):
        own.http.get(path)
    assert own.http.get("/v1/models/tiny").json()["status"] == "unloaded"
    assert own.worker_pids() == []


def test_one_model_is_found_by_an_id_with_slash_and_colon(client: openai.OpenAI) -> None:
    assert client.models.retrieve(OTHER).id == OTHER


def test_one_model_is_found_by_its_path(server: RunningServer) -> None:
    assert server.http.get(f"/v1/models/{server.model_path(TINY)}").json()["id"] == TINY


def test_an_unknown_model_is_a_404(server: RunningServer) -> None:
    answer = server.http.get("/v1/models/no/such:model")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


def test_a_loaded_model_tells_its_running_context(server: RunningServer) -> None:
    verb(server, "load", TINY)
    model = server.http.get(f"/v1/models/{TINY}").json()
    assert model["context_window"] == model["meta"]["n_ctx"] == 512
    assert model["meta"]["n_slots"] == 4
    assert "completion" in model["capabilities"]


def test_listings_and_plans_say_one_number_of_its_memory(server: RunningServer) -> None:
    verb(server, "load", TINY)
    needed = server.http.get(f"/v1/models/{TINY}").json()["meta"]["needed_bytes"]
    assert needed == server.http.get(f"/v1/models/{TINY}/plan").json()["needed_bytes"]
    assert needed["CPU"] > 40 << 20, "the worker itself is in it"


def test_a_listing_says_whence_its_file_is_and_why(server: RunningServer) -> None:
    verb(server, "load", TINY)
    meta = server.http.get(f"/v1/models/{TINY}").json()["meta"]
    assert (meta["file"], meta["made_here"]) == ("0.gguf", False)
    assert meta["origin"].startswith("file ") and meta["chosen_because"] == "named by model_id"
    assert server.log_lines("weights")[-1]["because"] == "named by model_id"


def test_codex_gets_a_models_array(server: RunningServer) -> None:
    assert server.http.get("/v1/models?client_version=1.0").json()["models"] == []


def test_the_four_verbs_say_where_the_model_is(start_server: StartServer) -> None:
    own = start_server()
    said = [verb(own, name, TINY).json() for name in ("status", "load", "load", "status", "unload", "unload", "reload")]
    assert [answer["status"] for answer in said] == [
        "unloaded",
        "loaded",
        "loaded",
        "loaded",
        "unloaded",
        "unloaded",
        "loaded",
    ]
    assert all(answer["model_id"] == TINY for answer in said)


def test_unload_gives_the_memory_back_and_the_next_request_loads_again(start_server: StartServer) -> None:
    own = start_server()
    verb(own, "load", TINY)
    assert len(own.worker_pids()) == 1
    verb(own, "unload", TINY)
    wait_until(lambda: not own.worker_pids())
    assert own.http.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}).status_code == 200


def test_a_chat_goes_on_from_its_cache_after_an_unload(start_server: StartServer, tmp_path: Path) -> None:
    own = start_server(models=[copies_of_stories(tmp_path)[0] | {"context": {"context_length": 4096}}])
    prompt = "Once upon a time there was a little girl named Lily. " * 150  # what is read in no time gets no file
    before = own.http.post("/v1/completions", json={"prompt": prompt, "max_tokens": 4, "temperature": 0}).json()
    verb(own, "unload", TINY)
    wait_until(lambda: not own.worker_pids())
    after = own.http.post("/v1/completions", json={"prompt": prompt, "max_tokens": 4, "temperature": 0}).json()
    n_tokens = after["usage"]["prompt_tokens"]
    assert after["usage"]["prompt_tokens_details"]["cached_tokens"] == n_tokens - 1
    assert after["choices"][0]["text"] == before["choices"][0]["text"]


@pytest.mark.parametrize("name", ["load", "unload", "reload", "status"])
def test_an_unknown_model_is_not_found_with_200_and_404_if_strict(server: RunningServer, name: str) -> None:
    lenient, strict = verb(server, name, "nope"), verb(server, name, "nope", "?strict=true")
    assert (lenient.status_code, strict.status_code) == (200, 404)
    assert lenient.json()["status"] == strict.json()["status"] == "not_found"


def test_a_model_that_can_not_load_is_an_internal_error_with_its_reason(start_server: StartServer) -> None:
    own = start_server(models=[{"model_id": "/no/such/file.gguf", "alias": "gone"}])
    answer = verb(own, "load", "gone")
    assert answer.status_code == 200
    assert answer.json()["status"] == "internal_error"
    assert "/no/such/file.gguf" in answer.json()["error"]
    assert verb(own, "load", "gone", "?strict=true").status_code == 500


def test_a_request_to_a_model_that_can_not_load_is_a_500_not_to_be_retried(start_server: StartServer) -> None:
    own = start_server(models=[{"model_id": "/no/such/file.gguf", "alias": "gone"}])
    answer = own.http.post("/v1/completions", json={"prompt": "a", "stream": True})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "weights_not_found"
    assert answer.headers["x-should-retry"] == "false"


def test_available_lists_only_what_is_ready(start_server: StartServer) -> None:
    own = start_server(models=[{"model_id": "/no/such/file.gguf", "alias": "gone"}])
    verb(own, "load", "gone")
    assert [model["id"] for model in own.http.get("/v1/models?available=true").json()["data"]] == ["default"]


def test_ready_waits_for_preloads(start_server: StartServer) -> None:
    own = start_server(models=[{"model_id": MODEL_ID, "preload": True}])
    wait_until(lambda: own.http.get("/readyz").status_code == 200)
    assert own.http.get("/readyz").json()["models"] == {MODEL_ID: "loaded"}


def test_a_preloaded_model_that_was_unloaded_leaves_the_server_ready(start_server: StartServer) -> None:
    own = start_server(models=[{"model_id": MODEL_ID, "preload": True}])
    verb(own, "load", MODEL_ID)
    verb(own, "unload", MODEL_ID)
    assert own.http.get("/readyz").status_code == 200


def test_a_preload_that_an_operator_gave_up_leaves_the_server_ready(start_server: StartServer) -> None:
    models = [{"model_id": MODEL_ID, "preload": True}, {"model_id": "/no/such.gguf", "preload": True}]
    own = start_server(models=models, server={"ready": "any"})
    verb(own, "unload", MODEL_ID)  # while it loads, or behind it
    wait_until(lambda: own.http.get("/readyz").status_code == 200)
    assert list(own.http.get("/readyz").json()["failed"]) == ["/no/such.gguf"]


def test_a_preload_that_fails_leaves_the_server_unready(start_server: StartServer) -> None:
    own = start_server(models=[{"model_id": MODEL_ID, "preload": True}, {"model_id": "/no/such.gguf", "preload": True}])
    verb(own, "load", MODEL_ID)
    wait_until(lambda: own.http.get("/readyz").json()["status"] == "failed")
    assert own.http.get("/readyz").status_code == 503


def test_preloads_without_room_leave_the_server_ready_and_say_so_everywhere(
    start_server: StartServer, tmp_path: Path
) -> None:
    models = [entry | {"preload": True} for entry in copies_of_stories(tmp_path)[:2]]
    own = start_server(models=models, server={"max_loaded_models": 1})
    wait_until(lambda: own.http.get("/readyz").status_code == 200)
    body = own.http.get("/readyz").json()
    assert sorted(body["models"].values()) == ["loaded", "unloaded"]
    (given_up,) = [name for name, status in body["models"].items() if status == "unloaded"]
    (reason,) = body["gave_up"].values()
    assert list(body["gave_up"]) == [given_up] and "its preload found no place (max_loaded_models)" in reason
    listed = {model["id"]: model for model in own.http.get("/v1/models").json()["data"]}
    assert listed[given_up]["meta"]["unload_reason"] == reason


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models"])
def test_head_is_answered_without_a_body(server: RunningServer, path: str) -> None:
    answer = server.http.head(path)
    assert answer.status_code == 200
    assert answer.content == b""


def test_the_reference_describes_every_body(server: RunningServer) -> None:
    reference = server.http.get("/openapi.json").json()
    chat = reference["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert chat == {"$ref": "#/components/schemas/ChatBody"}
    assert "temperature" in reference["components"]["schemas"]["ChatBody"]["properties"]


def test_the_docs_page_uses_files_of_this_server_only(server: RunningServer) -> None:
    page = server.http.get("/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert "://" not in page.text
    assert server.http.get("/docs/docs.js").status_code == 200


def test_metrics_count_requests_tokens_and_times(server: RunningServer) -> None:
    model = server.model_path(TINY)
    n_tokens = server.metric("lsrv_completion_tokens_total", model=model)
    n_streams = server.metric("lsrv_ttft_seconds_count", model=model)
    body = {"model": TINY, "prompt": "Once", "max_tokens": 8, "stream": True, "ignore_eos": True}
    server.http.post("/v1/completions", json=body)
    assert server.metric("lsrv_completion_tokens_total", model=model) == n_tokens + 8
    assert server.metric("lsrv_ttft_seconds_count", model=model) == n_streams + 1
    assert server.metric("lsrv_itl_seconds_count", model=model) > 0
    assert server.metric("lsrv_requests_total", model=model, route="/v1/completions", status="200") > 0
    assert server.metric("lsrv_model_state", model=model, state="loaded") == 1
    assert server.metric("lsrv_worker_rss_bytes", model=model) > 1e6


def test_paths_that_clients_invent_share_one_label(server: RunningServer) -> None:
    before = server.metric("lsrv_requests_total", route="other", status="404")
    for name in ("a", "b", "c"):
        server.http.get(f"/no/such/{name}")
    assert server.metric("lsrv_requests_total", route="other", status="404") == before + 3


def test_heartbeats_become_engine_counters(server: RunningServer) -> None:
    server.http.post("/v1/completions", json={"model": TINY, "prompt": "Once", "max_tokens": 8})
    wait_until(lambda: server.metric("lsrv_engine_decode_tokens_total", model=server.model_path(TINY)) > 0)

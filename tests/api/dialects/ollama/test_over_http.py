"""Ollama's API of a running server: what models answer, what is known of them, who may ask, where it listens."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import EMBEDDING, TINY, RunningServer, StartServer, copies_of_stories, wait_until
from tests.upstream_server import UpstreamServer

GREEDY = {"temperature": 0, "num_predict": 8}
MESSAGES = [{"role": "user", "content": "Once upon a time"}]


def chat(server: RunningServer, **body: Any) -> Any:
    asked = {"model": TINY, "messages": MESSAGES, "options": GREEDY, "stream": False} | body
    return server.http.post("/api/chat", json=asked)


def lines_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_same_question_has_the_same_answer_as_in_openais_words(server: RunningServer) -> None:
    asked = {"model": TINY, "messages": MESSAGES, "temperature": 0, "max_tokens": 8}
    theirs = server.http.post("/v1/chat/completions", json=asked).json()
    whole = chat(server).json()
    stream = lines_of(chat(server, stream=True).text)
    text = theirs["choices"][0]["message"]["content"]
    assert (whole["message"]["content"], "".join(line["message"]["content"] for line in stream)) == (text, text)
    for last in (whole, stream[-1]):
        usage = last["prompt_eval_count"], last["eval_count"]
        assert usage == (theirs["usage"]["prompt_tokens"], theirs["usage"]["completion_tokens"])


def test_a_stream_is_lines_of_json_of_which_the_last_is_done(server: RunningServer) -> None:
    answer = chat(server, stream=None)
    lines = lines_of(answer.text)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]


def test_what_curl_sends_is_taken_and_what_a_page_sends_is_not(server: RunningServer) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = json.dumps({"model": TINY, "messages": MESSAGES, "options": GREEDY, "stream": False})
    assert server.http.post("/api/chat", content=body, headers=form).status_code == 200
    for said in ({"origin": server.url}, {"sec-fetch-site": "same-origin"}):
        answer = server.http.post("/api/chat", content=body, headers=form | said)
        assert (answer.status_code, list(answer.json())) == (415, ["error"])
    assert server.http.post("/v1/chat/completions", content=body, headers=form).status_code == 415


def test_an_answer_goes_on_where_its_context_ends(server: RunningServer) -> None:
    def generate(**body: Any) -> Any:
        asked = {"model": TINY, "prompt": "Once upon a time", "options": GREEDY} | body
        return lines_of(server.http.post("/api/generate", json=asked).text)

    (first,) = generate(stream=False)
    assert len(first["context"]) == first["prompt_eval_count"] + first["eval_count"]
    assert generate()[-1]["context"] == first["context"]
    (second,) = generate(prompt=" who", context=first["context"], stream=False)
    assert second["context"][: len(first["context"])] == first["context"]
    told = server.http.post("/v1/detokenize", json={"model": TINY, "tokens": second["context"]}).json()["content"]
    assert "Once upon a time" + first["response"] in told
    assert told.endswith("who" + second["response"])
    assert second["context"].count(first["context"][0]) == 1  # the text begins once
    (unknown,) = generate(context=[10**6], stream=False)
    assert "token id 1000000" in unknown["error"]
    (long,) = generate(context=[5] * 600, stream=False)
    assert "512" in long["error"]


def test_a_name_from_the_list_is_known_everywhere(server: RunningServer) -> None:
    """VS Code goes on in OpenAI's API, Open WebUI in Ollama's."""
    names = [model["model"] for model in server.http.get("/api/tags").json()["models"]]
    assert all(":" in name for name in names)
    for name in names[:2]:
        asked = {"model": name, "messages": MESSAGES, "max_tokens": 1}
        assert server.http.post("/v1/chat/completions", json=asked).status_code == 200
        assert chat(server, model=name).status_code == 200
        assert server.http.post("/api/show", json={"model": name}).json()["model_info"]["general.basename"]
    assert server.http.post("/v1/embeddings", json={"model": names[2], "input": "a"}).status_code == 200


def test_vectors_are_those_that_openai_gives(server: RunningServer) -> None:
    theirs = server.http.post("/v1/embeddings", json={"model": EMBEDDING, "input": ["a b", "c"]}).json()
    ours = server.http.post("/api/embed", json={"model": EMBEDDING, "input": ["a b", "c"]}).json()
    assert ours["embeddings"] == [item["embedding"] for item in theirs["data"]]
    assert ours["prompt_eval_count"] == theirs["usage"]["prompt_tokens"]


def test_the_older_route_gives_a_vector_of_its_own_length(server: RunningServer) -> None:
    unit = server.http.post("/api/embed", json={"model": EMBEDDING, "input": "a b"}).json()["embeddings"][0]
    raw = server.http.post("/api/embeddings", json={"model": EMBEDDING, "prompt": "a b"}).json()["embedding"]
    length = sum(value * value for value in raw) ** 0.5
    assert length != pytest.approx(1.0, abs=0.01)
    assert [value / length for value in raw] == pytest.approx(unit, abs=1e-5)


def test_a_text_longer_than_the_context_is_cut_unless_that_is_not_wanted(server: RunningServer) -> None:
    long = "Once upon a time " * 400
    cut = server.http.post("/api/embed", json={"model": EMBEDDING, "input": long})
    assert cut.json()["prompt_eval_count"] == 512
    refused = server.http.post("/api/embed", json={"model": EMBEDDING, "input": long, "truncate": False})
    assert (refused.status_code, "tokens" in refused.json()["error"]) == (400, True)


def test_what_is_said_of_a_model_loads_none(start_server: StartServer) -> None:
    server = start_server()
    listed = server.http.get("/api/tags").json()["models"][0]
    shown = server.http.post("/api/show", json={"model": listed["model"]}).json()
    assert shown["details"] == listed["details"]
    assert shown["model_info"]["llama.context_length"] == 512
    assert server.http.get("/api/ps").json() == {"models": []}
    assert server.worker_pids() == []


def test_a_model_is_loaded_and_let_go_by_requests_that_ask_nothing(start_server: StartServer) -> None:
    server = start_server()
    loaded = server.http.post("/api/generate", json={"model": TINY, "keep_alive": "1h"}).json()
    assert (loaded["done_reason"], loaded["response"]) == ("load", "")
    (running,) = server.http.get("/api/ps").json()["models"]
    assert (running["name"], running["context_length"], running["size"] > 0) == (f"{TINY}:latest", 512, True)
    assert running["expires_at"] > "2026"
    let_go = server.http.post("/api/chat", json={"model": TINY, "messages": [], "keep_alive": 0}).json()
    assert let_go["done_reason"] == "unload"
    wait_until(lambda: server.http.get("/api/ps").json() == {"models": []})


def test_a_template_tells_what_its_model_can_do(start_server: StartServer, tmp_path: Any) -> None:
    models = copies_of_stories(tmp_path)[:1]
    (tmp_path / "tools.jinja").write_text(
        "{% if tools %}{{ tools }}{% endif %}{% if enable_thinking %}<think>{% endif %}"
    )
    models[0]["chat_template"] = str(tmp_path / "tools.jinja")
    shown = start_server(models=models).http.post("/api/show", json={"model": TINY}).json()
    assert shown["capabilities"] == ["completion", "tools", "thinking"]


def test_what_a_request_asks_in_vain_is_in_the_log_once(start_server: StartServer) -> None:
    server = start_server()
    for _ in range(2):
        assert chat(server, options=GREEDY | {"num_ctx": 4096, "wat": 1}).json()["warnings"]
    told = [line["what"] for line in server.log_lines("no effect")]
    assert told == ["options.wat: unknown", "a context of 4096 tokens: this model runs with 512"]


def test_every_entry_answers(start_server: StartServer, server: RunningServer, tmp_path: Any) -> None:
    far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": f"{server.url}/v1", "model": TINY}}
    own = copies_of_stories(tmp_path)[0] | {"response_cache": True}
    front = start_server(
        models=[own, far],
        routes=[{"model_id": "either", "split": [{"model": TINY, "weight": 1}]}],
        default_model_id=TINY,
    )
    texts = {name: chat(front, model=name).json()["message"]["content"] for name in (TINY, "far", "either", "default")}
    assert set(texts.values()) == {chat(server).json()["message"]["content"]}
    streamed = lines_of(chat(front, model="far", stream=True).text)
    assert "".join(line["message"]["content"] for line in streamed) == texts["far"]
    assert chat(front).headers["x-lsrv-cache"] == "hit"
    assert [model["name"] for model in front.http.get("/api/tags").json()["models"]] == [
        f"{name}:latest" for name in (TINY, "far", "either")
    ]
    shown = front.http.post("/api/show", json={"model": "far"}).json()
    assert shown["capabilities"] == ["completion", "tools"]


@pytest.mark.parametrize("is_streaming", [False, True])
def test_calls_have_their_arguments_as_objects(start_server: StartServer, is_streaming: bool) -> None:
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    with UpstreamServer() as upstream:
        far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("good")}}
        answer = chat(start_server(models=[far]), model="far", tools=[weather], stream=is_streaming)
    lines = lines_of(answer.text)
    calls = [call for line in lines for call in line["message"].get("tool_calls", [])]
    assert calls == [{"id": "call_1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Rome"}}}]
    assert lines[-1]["done_reason"] == "stop"


def test_what_is_known_before_the_first_line_has_its_own_status(server: RunningServer) -> None:
    answer = chat(server, stream=True, messages=MESSAGES * 200)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_who_may_ask_is_told_in_ollamas_words(start_server: StartServer) -> None:
    server = start_server(server={"api_keys": ["k"], "admin_keys": ["a"]})
    refused = server.http.get("/api/tags")
    assert (refused.status_code, list(refused.json())) == (401, ["error"])
    key = {"authorization": "Bearer k"}
    assert server.http.get("/api/tags", headers=key).status_code == 200
    pulled = server.http.post("/api/pull", json={"model": TINY}, headers=key)
    assert (pulled.status_code, list(pulled.json())) == (403, ["error"])


def test_a_disabled_model_is_not_listed_and_refuses(start_server: StartServer) -> None:
    server = start_server()
    server.http.post("/v1/models/disable", json={"model_id": TINY})
    assert server.http.get("/api/tags").json() == {"models": []}
    refused = chat(server)
    assert (refused.status_code, list(refused.json())) == (409, ["error"])


def test_a_pull_of_what_is_here_succeeds(server: RunningServer) -> None:
    lines = lines_of(server.http.post("/api/pull", json={"model": f"{TINY}:latest"}).text)
    assert [line["status"] for line in lines] == ["pulling manifest", "success"]
    whole = server.http.post("/api/pull", json={"model": TINY, "stream": False})
    assert whole.json() == {"status": "success"}
    refused = server.http.post("/api/pull", json={"model": "no such", "stream": False})
    assert (refused.status_code, list(refused.json())) == (404, ["error"])


def test_ollamas_port_greets_its_clients_and_the_servers_own_does_not(start_server: StartServer) -> None:
    server = start_server(server={"ollama_port": 0})
    (line,) = server.log_lines("listening for Ollama's clients")
    with httpx.Client(base_url=f"http://127.0.0.1:{line['port']}") as theirs:
        assert theirs.get("/").text == "Ollama is running"
        assert theirs.head("/").status_code == 200
        assert theirs.get("/api/version").json() == server.http.get("/api/version").json()
        assert theirs.get("/v1/models").status_code == 200
    assert server.http.get("/").text.startswith("<!doctype html>")


def test_a_port_of_ollamas_that_is_taken_is_told_and_all_else_goes_on(start_server: StartServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = start_server(server={"ollama_port": taken.getsockname()[1]})
        assert chat(server).status_code == 200
    (line,) = server.log_lines("not listening for Ollama's clients")
    assert "is in use" in line["why"]

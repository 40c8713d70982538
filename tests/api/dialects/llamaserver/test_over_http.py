"""llama-server's dialect over a real socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import TINY, RunningServer, StartServer
from tests.models.kinds import FIM, write_infilling

GREEDY: dict[str, Any] = {"model": TINY, "prompt": "Once upon a time", "n_predict": 30, "temperature": 0}


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_the_same_text_comes_through_every_route_streamed_or_not(server: RunningServer) -> None:
    whole = server.http.post("/completion", json=GREEDY).json()
    events = events_of(server.http.post("/completion", json=GREEDY | {"stream": True}).text)
    theirs = server.http.post(
        "/v1/completions", json={"model": TINY, "prompt": GREEDY["prompt"], "max_tokens": 30, "temperature": 0}
    ).json()
    assert whole["content"] == "".join(event["content"] for event in events) == theirs["choices"][0]["text"]
    assert whole["tokens_predicted"] == events[-1]["tokens_predicted"] == theirs["usage"]["completion_tokens"]
    assert whole["tokens_evaluated"] == theirs["usage"]["prompt_tokens"]
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]


def test_the_tokens_of_a_stream_are_those_that_return_tokens_gives(server: RunningServer) -> None:
    whole = server.http.post("/completion", json=GREEDY | {"return_tokens": True}).json()
    events = events_of(server.http.post("/completion", json=GREEDY | {"stream": True}).text)
    assert whole["tokens"] == [token for event in events for token in event["tokens"]]


def test_a_stream_of_several_prompts_tells_them_apart(server: RunningServer) -> None:
    body = GREEDY | {"prompt": ["Once", "The"], "stream": True}
    events = events_of(server.http.post("/completion", json=body).text)
    whole = server.http.post("/completion", json=body | {"stream": False}).json()
    for index in (0, 1):
        mine = [event for event in events if event["index"] == index]
        assert "".join(event["content"] for event in mine) == whole[index]["content"]
        assert mine[-1]["stop"]


def test_defaults_of_the_entry_stand_in_generation_settings(start_server: StartServer, server: RunningServer) -> None:
    own = start_server(
        models=[{"model_id": server.model_path(TINY), "alias": TINY, "defaults": {"temperature": 0.25, "top_k": 7}}]
    )
    body = own.http.post("/completion", json={"prompt": "a", "n_predict": 1, "seed": 5}).json()
    settings = body["generation_settings"]
    assert (settings["temperature"], settings["top_k"], settings["seed"]) == (0.25, 7, 5)


def test_an_upstream_answers_too(start_server: StartServer, server: RunningServer) -> None:
    upstream = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": f"{server.url}/v1", "model": TINY}}
    front = start_server(models=[upstream])
    ours = server.http.post("/completion", json=GREEDY).json()
    for stream in (False, True):
        body = GREEDY | {"model": "far", "stream": stream}
        answer = front.http.post("/completion", json=body)
        content = "".join(e["content"] for e in events_of(answer.text)) if stream else answer.json()["content"]
        assert content == ours["content"]


def test_what_stands_between_two_texts_is_read_as_llama_server_does(start_server: StartServer, tmp_path: Path) -> None:
    write_infilling(tmp_path / "coder.gguf")
    coder = start_server(models=[{"model_id": str(tmp_path / "coder.gguf"), "context": {"context_length": 256}}])

    def tokens(text: str, **fields: object) -> list[int]:
        return list(coder.http.post("/tokenize", json={"content": text, **fields}).json()["tokens"])

    body = {"input_prefix": "def f(", "input_suffix": "):", "prompt": "a", "n_predict": 8, "temperature": 0}
    filled = coder.http.post("/infill", json=body).json()
    bos = tokens("", add_special=True)
    prompt = [*bos, FIM["pre"], *tokens("def f("), *tokens("a"), FIM["suf"], *tokens("):"), FIM["mid"]]
    written = coder.http.post("/completion", json={"prompt": prompt, "n_predict": 8, "temperature": 0}).json()
    assert filled["content"] == written["content"]
    assert filled["tokens_evaluated"] == len(prompt)

    extra = [{"filename": "a.py", "text": "x = 1"}]
    longer = coder.http.post("/infill", json=body | {"input_extra": extra}).json()
    assert longer["tokens_evaluated"] > len(prompt)


def test_texts_that_are_too_long_lose_what_is_far_from_the_gap(start_server: StartServer, tmp_path: Path) -> None:
    write_infilling(tmp_path / "coder.gguf")
    coder = start_server(models=[{"model_id": str(tmp_path / "coder.gguf"), "context": {"context_length": 256}}])
    body = {"input_prefix": "many words " * 500, "input_suffix": "and more " * 500, "n_predict": 1}
    body["input_extra"] = [{"text": "other words " * 500}]
    answer = coder.http.post("/infill", json=body)
    assert answer.status_code == 200
    assert answer.json()["tokens_evaluated"] < 256


def test_slots_of_a_model_are_listed_without_loading_it(start_server: StartServer, server: RunningServer) -> None:
    own = start_server(models=[{"model_id": server.model_path(TINY), "alias": TINY, "context": {"slots": 2}}])
    assert own.http.get("/slots").json() == []
    assert own.http.post("/completion", json={"prompt": "a", "n_predict": 1}).status_code == 200
    slots = own.http.get("/slots", params={"fail_on_no_slot": "1"}).json()
    assert [(slot["id"], slot["is_processing"]) for slot in slots] == [(0, False), (1, False)]


def test_what_is_not_offered_is_told_in_llama_servers_words(server: RunningServer) -> None:
    for path in ("/slots/0?action=save", "/props"):
        answer = server.http.post(path, json={"filename": "x"})
        assert answer.status_code == 501
        assert answer.json()["error"]["type"] == "not_supported_error"


def test_props_tell_the_settings_that_hold_by_default(server: RunningServer) -> None:
    told = server.http.get("/props", params={"model": TINY}).json()["default_generation_settings"]
    assert (told["params"]["temperature"], told["params"]["n_predict"], told["n_ctx"]) == (0.8, -1, 512)

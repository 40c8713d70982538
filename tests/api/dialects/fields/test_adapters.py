"""Adapters over HTTP: chosen by model id and by field, stacked, listed, loaded and unloaded while others stream."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsrv.api.dialects.fields.adapters import AdapterItem, LoraItem, checked_source, stack_of
from lsrv.api.http.errors import ForbiddenError
from lsrv.errors import RequestError
from lsrv.protocol.commands import AdapterChoice
from lsrv.registry import OfferedAdapter
from lsrv.serving.adapters import AppliedAdapters, chosen_adapters
from tests.conftest import RunningServer, StartServer, copies_of_stories
from tests.models.lora import write_lora

PROMPT = "Once upon a time there was a little girl named Lily. She"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """stories260K as `base`, with the adapters a and b; c waits in the folder of those that may be loaded."""
    folder = tmp_path_factory.mktemp("adapters")
    (folder / "hot").mkdir()
    for seed, name in enumerate(("a", "b", "hot/c", "hot/d")):
        write_lora(folder / f"{name}.gguf", seed)
    write_lora(folder / "hot/short.gguf", 9, n_cut=8)
    write_lora(folder / "hot/other.gguf", 9, arch="qwen3")
    (entry,) = copies_of_stories(folder)[:1]
    adapters = [{"name": name, "source": str(folder / f"{name}.gguf")} for name in ("a", "b")]
    return {
        "server": {"port": 0, "spare_workers": 0, "adapter_folder": str(folder / "hot")},
        "models": [entry | {"alias": ["base", "x:y"], "adapters": adapters}],
    }


@pytest.fixture(scope="module")
def server(settings: dict[str, Any]) -> Iterator[RunningServer]:
    """Shared by this file: leave its adapters and its defaults as you found them."""
    running = RunningServer(settings, {})
    yield running
    running.stop()


def answer(server: RunningServer, model: str = "base", **fields: Any) -> Any:
    body = {"model": model, "prompt": PROMPT, "temperature": 0, "max_tokens": 24} | fields
    return server.http.post("/v1/completions", json=body)


def text(server: RunningServer, model: str = "base", **fields: Any) -> str:
    answered = answer(server, model, **fields)
    assert answered.status_code == 200, answered.text
    return answered.json()["choices"][0]["text"]


@pytest.fixture(scope="module")
def texts(server: RunningServer) -> dict[str, str]:
    """What the base says, and what it says with each adapter, each asked alone."""
    return {name: text(server, name) for name in ("base", "base:a", "base:b")}


def test_each_adapter_says_something_else(texts: dict[str, str]) -> None:
    assert len(set(texts.values())) == 3


def test_one_colon_two_colons_an_alias_and_the_default_mean_the_same(
    server: RunningServer, texts: dict[str, str]
) -> None:
    for name in ("base::a", "x:y:a", "x:y::a", "default:a"):
        assert text(server, name) == texts["base:a"]


def test_the_answer_names_base_and_adapter(server: RunningServer) -> None:
    assert answer(server, "x:y::a").json()["model"] == "base:a"
    assert answer(server, "base", adapters=["a"]).json()["model"] == "base"


@pytest.mark.parametrize(
    "fields", [{"adapters": ["a"]}, {"adapters": [{"name": "a", "weight": 1}]}, {"adapter": "a"},
               {"lora": [{"id": 0, "scale": 1.0}]}]
)  # fmt: skip
def test_every_field_that_names_an_adapter_applies_it(
    server: RunningServer, texts: dict[str, str], fields: dict[str, Any]
) -> None:
    assert text(server, **fields) == texts["base:a"]


def test_a_chat_takes_adapters_too(server: RunningServer) -> None:
    def said(model: str) -> str:
        body = {"model": model, "messages": PROMPT, "temperature": 0, "max_tokens": 24}
        return server.http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]

    assert len({said("base"), said("base:a"), said("base:b")}) == 3


def test_a_stack_is_neither_of_its_parts_and_normalizing_scales_it(
    server: RunningServer, texts: dict[str, str]
) -> None:
    whole = text(server, adapters=["a", "b"])
    halves = text(server, adapters=["a", "b"], normalize_adapters=True)
    assert len({whole, halves, *texts.values()}) == 5
    assert halves == text(server, adapters=[{"name": "b", "weight": 0.5}, {"name": "a", "weight": 0.5}])


def test_requests_at_once_get_their_own_text(server: RunningServer, texts: dict[str, str]) -> None:
    names = list(texts) * 4
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(lambda name: text(server, name), names))
    assert found == [texts[name] for name in names]


def test_an_unknown_adapter_is_told_with_those_there_are(server: RunningServer) -> None:
    by_model = answer(server, "base:nope")
    assert by_model.status_code == 404
    assert by_model.json()["error"]["message"] == "model 'base' has no adapter 'nope'; it has base:a, base:b"
    by_field = answer(server, adapters=[{"name": "nope"}])
    assert by_field.status_code == 400
    assert by_field.json()["error"]["param"] == "adapters"
    assert "has no adapter 'nope'; it has a, b" in by_field.json()["error"]["message"]
    by_number = answer(server, lora=[{"id": 7, "scale": 1}])
    assert "has no adapter 7; it has 0 (a), 1 (b)" in by_number.json()["error"]["message"]


def test_a_weight_beyond_reason_is_refused(server: RunningServer) -> None:
    assert answer(server, adapters=[{"name": "a", "weight": 1e9}]).status_code == 400


def test_adapters_are_listed_behind_their_parent(server: RunningServer, settings: dict[str, Any]) -> None:
    data = server.http.get("/v1/models").json()["data"]
    assert [each["id"] for each in data] == ["default", "base", "base:a", "base:b"]
    adapter = data[2]
    assert adapter["parent"] == "base"
    assert adapter["root"] == settings["models"][0]["adapters"][0]["source"]
    assert adapter["aliases"] == ["base:a", "x:y:a"]
    assert "parent" not in data[1]
    assert server.http.get("/v1/models/x:y::a").json()["parent"] == "base"
    assert server.http.get("/v1/models/base:nope").status_code == 404


def test_llama_cpps_route_sets_what_applies_by_default(server: RunningServer, texts: dict[str, str]) -> None:
    try:
        assert server.http.post("/lora-adapters", json=[{"id": 0, "scale": 1.0}]).json() == {"success": True}
        assert [each["scale"] for each in server.http.get("/lora-adapters").json()] == [1.0, 0.0]
        assert text(server) == texts["base:a"]
        assert text(server, "base:b") == texts["base:b"]  # who chooses gets that alone
        assert text(server, adapters=[]) == texts["base"]
    finally:
        server.http.post("/lora-adapters", json=[])
    assert text(server) == texts["base"]
    unknown = server.http.post("/lora-adapters", json=[{"id": 5, "scale": 1.0}])
    assert unknown.status_code == 400
    assert "has no adapter 5; it has 0 (a), 1 (b)" in unknown.json()["error"]["message"]


def test_an_adapter_comes_and_goes_while_its_model_streams(server: RunningServer, texts: dict[str, str]) -> None:
    (pid,) = server.worker_pids()
    body = {"model": "base:a", "prompt": PROMPT, "temperature": 0, "max_tokens": 400, "ignore_eos": True}
    with server.http.stream("POST", "/v1/completions", json=body | {"stream": True}) as stream:
        lines = stream.iter_lines()
        next(lines)
        loaded = server.http.post("/v1/load_lora_adapter", json={"lora_name": "c", "lora_path": "c.gguf"})
        assert loaded.status_code == 200, loaded.text
        assert text(server, "base:c") not in texts.values()
        assert "base:c" in [each["id"] for each in server.http.get("/v1/models").json()["data"]]
        unloaded = server.http.post("/v1/unload_lora_adapter", json={"lora_name": "c"})
        assert unloaded.json()["generation"] == loaded.json()["generation"]
        assert answer(server, "base:c").status_code == 404
        assert [line for line in lines if line][-1] == "data: [DONE]"
    assert server.worker_pids() == [pid]


def test_adapters_outlive_their_worker(server: RunningServer) -> None:
    for name in ("c", "d"):
        server.http.post("/v1/load_lora_adapter", json={"lora_name": name, "lora_path": f"{name}.gguf"})
    try:
        before = text(server, "base:c")
        server.http.post("/v1/models/unload", json={"model_id": "base"})
        assert server.worker_pids() == []
        server.http.post("/v1/unload_lora_adapter", json={"lora_name": "d"})
        assert server.worker_pids() == []
        assert text(server, "base:c") == before
        assert answer(server, "base:d").status_code == 404
    finally:
        server.http.post("/v1/unload_lora_adapter", json={"lora_name": "c"})


def test_a_name_that_is_taken_is_replaced_only_on_demand(server: RunningServer) -> None:
    def load(**fields: Any) -> Any:
        body = {"lora_name": "c", "lora_path": "c.gguf"} | fields
        return server.http.post("/v1/load_lora_adapter", json=body)

    first = load().json()["generation"]
    try:
        before = text(server, "base:c")
        assert load(lora_path="d.gguf").json()["error"]["code"] == "adapter_conflict"
        stale = load(lora_path="d.gguf", load_inplace=True, expected_generation="c@999")
        assert stale.status_code == 409
        assert text(server, "base:c") == before
        second = load(lora_path="d.gguf", load_inplace=True, expected_generation=first)
        assert second.status_code == 200
        assert text(server, "base:c") != before
        late = server.http.post("/v1/unload_lora_adapter", json={"lora_name": "c", "expected_generation": first})
        assert late.status_code == 409
        listed = server.http.get("/v1/lora_adapters?model=base").json()["data"]
        assert [(each["id"], each["generation"]) for each in listed][-1] == ("c", second.json()["generation"])
    finally:
        server.http.post("/v1/unload_lora_adapter", json={"lora_name": "c"})


@pytest.mark.parametrize(
    ("path", "reason"),
    [("short.gguf", "short.gguf can't be used with this llama model"), ("other.gguf", "is an adapter for qwen3 models"),
     ("none.gguf", "there is no")],
)  # fmt: skip
def test_a_file_that_is_no_adapter_of_the_model_is_refused_and_changes_nothing(
    server: RunningServer, texts: dict[str, str], path: str, reason: str
) -> None:
    refused = server.http.post("/v1/load_lora_adapter", json={"lora_name": "c", "lora_path": path})
    assert refused.status_code == 400
    assert reason in refused.json()["error"]["message"]
    assert refused.json()["error"]["param"] == "lora_path"
    assert [each["id"] for each in server.http.get("/v1/lora_adapters").json()["data"]] == ["a", "b"]
    assert text(server) == texts["base"]


@pytest.mark.parametrize("path", ["../a.gguf", "/etc/hostname", "hot/../../a.gguf"])
def test_a_path_out_of_the_folder_is_forbidden(server: RunningServer, path: str) -> None:
    assert server.http.post("/v1/load_lora_adapter", json={"lora_name": "c", "lora_path": path}).status_code == 403


def test_without_a_folder_nothing_is_loaded_by_path() -> None:
    with pytest.raises(ForbiddenError, match="Set adapter_folder"):
        checked_source("c.gguf", None)


def test_unloading_a_model_by_the_id_of_an_adapter_is_refused(server: RunningServer) -> None:
    said = server.http.post("/v1/models/unload", json={"model_id": "base:a"}).json()
    assert "unload_lora_adapter" in said["error"]
    assert server.http.post("/v1/models/status", json={"model_id": "base:a"}).json()["status"] == "loaded"


def test_adapters_of_the_config_apply_by_default_or_are_named_when_they_are_broken(
    start_server: StartServer, settings: dict[str, Any], texts: dict[str, str], tmp_path: Path
) -> None:
    (entry,) = settings["models"]
    adapters = [entry["adapters"][0] | {"default": True}, entry["adapters"][1]]
    short = {"name": "short", "source": str(write_lora(tmp_path / "short.gguf", 1, n_cut=8))}
    broken = copies_of_stories(tmp_path)[0] | {"alias": ["broken"], "adapters": [short]}
    own = start_server(models=[entry | {"adapters": adapters}, broken])
    assert text(own) == texts["base:a"]
    assert text(own, adapters=[]) == texts["base"]
    failed = answer(own, "broken")
    assert failed.status_code == 503
    assert "short.gguf can't be used with this llama model" in failed.json()["error"]["message"]


# -- what a request says becomes choices -----------------------------------------------------------

OFFERED = [
    OfferedAdapter(name="a", number=0, source="a", revision="main", folder=Path(), weight=0.5),
    OfferedAdapter(name="b", number=3, source="b", revision="main", folder=Path(), default_weight=0.25),
]


def test_what_is_not_said_comes_from_the_adapter() -> None:
    assert chosen_adapters(AppliedAdapters((("a", None), (3, None))), None, OFFERED) == [
        AdapterChoice("a", 0.5),
        AdapterChoice("b", 1.0),
    ]
    assert chosen_adapters(AppliedAdapters(), None, OFFERED) == [AdapterChoice("b", 0.25)]
    assert chosen_adapters(AppliedAdapters(), "a", OFFERED) == [AdapterChoice("a", 0.5)]
    assert chosen_adapters(AppliedAdapters(()), None, OFFERED) == []


def test_normalized_weights_sum_up_to_one_unless_they_sum_up_to_nothing() -> None:
    stack = AppliedAdapters((("a", 3.0), ("b", 1.0)), is_normalized=True)
    assert chosen_adapters(stack, None, OFFERED) == [AdapterChoice("a", 0.75), AdapterChoice("b", 0.25)]
    opposite = AppliedAdapters((("a", 1.0), ("b", -1.0)), is_normalized=True)
    assert chosen_adapters(opposite, None, OFFERED) == [AdapterChoice("a", 1.0), AdapterChoice("b", -1.0)]


def test_contradictions_are_refused() -> None:
    with pytest.raises(RequestError, match="adapters and lora say the same"):
        stack_of([AdapterItem(name="a")], None, [LoraItem(id=0, scale=1)], is_normalized=False)
    with pytest.raises(RequestError, match="named with adapter 'a', and adapters is given, too"):
        chosen_adapters(AppliedAdapters(()), "a", OFFERED)
    with pytest.raises(RequestError, match="names an adapter twice"):
        chosen_adapters(AppliedAdapters((("a", 1.0), (0, 1.0))), None, OFFERED)
    with pytest.raises(RequestError, match="names 17 adapters; at most 16"):
        stack_of(["a"] * 17, None, None, is_normalized=False)

"""What a person reads when a server starts."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from lsrv.cli.display.banner import Finding, banner, curl, typeable
from lsrv.config import LoadedSettings, load_settings, settings_for_models
from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor import Weights, WeightsSpec, resolve
from tests.models import STORIES

URL = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def weights() -> Weights:
    return resolve(WeightsSpec(model_id=str(STORIES)))


@pytest.fixture
def findings(weights: Weights) -> dict[str, Finding]:
    missing = WeightsNotFoundError("there is no /weights/b.gguf; check the path")
    return {"/weights/a.gguf": weights, "/weights/b.gguf": missing, "org/embedder": weights}


def _loaded(**server: object) -> LoadedSettings:
    models = [
        {"model_id": "/weights/a.gguf", "alias": ["a", "first"]},
        {"model_id": "/weights/b.gguf", "alias": "b"},
        {"model_id": "org/embedder", "alias": "e", "kind": "embedding"},
    ]
    return settings_for_models(models, overrides={"server": server}, environ={})


def test_every_entry_is_listed_in_config_order_with_all_its_names(findings: dict[str, Finding]) -> None:
    rows = [line.split() for line in banner(_loaded(), findings, "/weights/a.gguf", [URL]).splitlines()]
    names = [[word.strip(",") for word in row] for row in rows]
    assert ["*", "a", "first", "/weights/a.gguf", "F32"] in [row[:5] for row in names]
    listed = [row[0] if row[0] != "*" else row[1] for row in names if row]
    assert listed.index("a") < listed.index("b") < listed.index("e")


def test_routes_are_listed_and_one_may_be_the_default(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        '[[models]]\nmodel_id = "a"\n[[models]]\nmodel_id = "b"\n'
        '[[routes]]\nmodel_id = "r"\nsplit = [{ model = "a" }, { model = "b" }]\n'
    )
    lines = banner(load_settings(path, environ={}), {}, "r", [URL]).splitlines()
    (row,) = (line.split() for line in lines if line.startswith("*  r"))
    assert row == ["*", "r", "-", "-", "-", "route", "to", "a,", "b"]


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("http://127.0.0.1:1234", "lsrv ps "),
        ("http://127.0.0.1:8080", "lsrv ps --url http://127.0.0.1:8080"),
        ("http://0.0.0.0:8080", "lsrv ps --url http://127.0.0.1:8080"),
        ("http://192.168.1.4:1234", "lsrv ps --url http://192.168.1.4:1234"),
    ],
)
def test_the_command_for_another_terminal_finds_this_server(url: str, command: str) -> None:
    assert f"Another terminal: {command}" in banner(_loaded(), {}, None, [url])


def test_where_to_chat_is_said_unless_there_is_no_page() -> None:
    assert f"Chat in a browser: {URL}\n" in banner(_loaded(), {}, None, [URL])
    assert "Chat in a browser" not in banner(_loaded(no_ui=True), {}, None, [URL])


def test_an_entry_that_can_not_be_served_says_why(findings: dict[str, Finding]) -> None:
    assert "b: there is no /weights/b.gguf; check the path" in banner(_loaded(), findings, None, [URL])


def test_a_disabled_entry_is_listed_as_such_and_never_the_example(weights: Weights) -> None:
    models = [{"model_id": "/weights/a.gguf", "alias": "a", "enabled": False}, {"model_id": "b", "alias": "c"}]
    text = banner(settings_for_models(models, environ={}), {"b": weights}, "/weights/a.gguf", [URL])
    (row,) = (line.split() for line in text.splitlines() if line.startswith("*  a"))
    assert row[-1] == "disabled"
    command = shlex.split(next(line for line in text.splitlines() if "curl" in line))
    assert json.loads(command[-1])["model"] == "c"


def test_a_server_that_can_serve_nothing_shows_no_example(findings: dict[str, Finding]) -> None:
    nothing: dict[str, Finding] = dict.fromkeys(findings, WeightsNotFoundError("gone"))
    assert "curl" not in banner(_loaded(), nothing, None, [URL])


def test_the_example_asks_the_default_model_and_is_a_valid_command(findings: dict[str, Finding]) -> None:
    text = banner(_loaded(), findings, "/weights/a.gguf", [URL])
    command = shlex.split(next(line for line in text.splitlines() if "curl" in line))
    assert command[1] == f"{URL}/v1/completions"  # stories260K has no chat template
    assert json.loads(command[-1])["model"] == "a"


def test_the_example_takes_another_model_when_the_default_can_not_be_served(findings: dict[str, Finding]) -> None:
    assert '"model": "a"' in banner(_loaded(), findings, "/weights/b.gguf", [URL])


def test_the_example_of_an_embedding_model_asks_for_embeddings(weights: Weights) -> None:
    model = _loaded().settings.models[2]
    assert "/v1/embeddings" in curl(URL, model, weights, has_keys=False)


def test_the_example_of_a_reranker_ranks(weights: Weights) -> None:
    ranker = replace(weights, header=replace(weights.header, arch="bert", has_classifier=True))
    assert "/v1/rerank" in curl(URL, _loaded().settings.models[0], ranker, has_keys=False)


def test_the_example_of_a_chat_model_chats(weights: Weights) -> None:
    chatting = replace(weights, header=replace(weights.header, has_chat_template=True))
    assert "/v1/chat/completions" in curl(URL, _loaded().settings.models[0], chatting, has_keys=False)


def test_a_server_with_keys_shows_the_header_and_never_a_key(findings: dict[str, Finding]) -> None:
    text = banner(_loaded(api_keys=["hush-hush"]), findings, None, [URL])
    assert "authorization: Bearer $LSRV_API_KEY" in text
    assert "hush-hush" not in text


def test_a_server_for_all_without_keys_says_that_it_serves_this_machine_only(findings: dict[str, Finding]) -> None:
    assert "api_keys" in banner(_loaded(host="0.0.0.0"), findings, None, [URL])
    assert "api_keys" not in banner(_loaded(host="0.0.0.0", insecure=True), findings, None, [URL])
    assert "api_keys" not in banner(_loaded(), findings, None, [URL])


def test_sources_and_warnings_of_the_config_are_shown(findings: dict[str, Finding]) -> None:
    loaded = replace(_loaded(), files=[Path("models.toml")], warnings=["models.toml:3: paged_attn has no meaning"])
    text = banner(loaded, findings, None, [URL])
    assert "(models.toml)" in text
    assert "  models.toml:3: paged_attn has no meaning" in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [(URL, URL), ("http://0.0.0.0:1", "http://127.0.0.1:1"), ("http://[::]:1", "http://[::1]:1")],
)
def test_the_address_is_one_to_type(url: str, shown: str) -> None:
    assert typeable(url) == shown

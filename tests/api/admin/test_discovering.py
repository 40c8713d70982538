"""A server that serves what is found on its disk, while it runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lsrv import demo
from tests.conftest import RunningServer, StartServer, wait_until
from tests.models import STORIES


def _listed(server: RunningServer) -> dict[str, dict[str, Any]]:
    models = server.http.get("/v1/models").json()["data"]
    return {model["id"]: model for model in models if model["id"] != "default"}


def _has(server: RunningServer, *names: str) -> None:
    wait_until(lambda: set(_listed(server)) == {*names})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder in which LM Studio has one model, for servers that are started from here."""
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    path = tmp_path / "home" / ".lmstudio" / "models" / "owner" / "Stories-GGUF" / "stories-F32.gguf"
    path.parent.mkdir(parents=True)
    shutil.copy(STORIES, path)
    return tmp_path / "home"


def test_what_comes_to_a_folder_is_served_and_what_is_gone_no_more(tmp_path: Path, start_server: StartServer) -> None:
    folder = tmp_path / "found"
    folder.mkdir()
    shutil.copy(STORIES, folder / "Tale-F32.gguf")
    server = start_server(server={"discover": [str(folder)]}, models=[])
    _has(server, "tale")
    answer = server.openai().completions.create(model="tale:f32", prompt="Once", max_tokens=3)
    assert answer.model == "tale"
    part = tmp_path / "part"
    shutil.copy(demo.MODELS["lsrv-demo-embed"], part)
    part.replace(folder / "embed-Q8_0.gguf")
    _has(server, "tale", "embed")
    assert _listed(server)["embed"]["capabilities"] == ["embedding"]
    assert server.openai().embeddings.create(model="embed", input="a").data
    (folder / "Tale-F32.gguf").unlink()
    _has(server, "embed")
    assert server.http.post("/v1/completions", json={"model": "tale", "prompt": "a"}).status_code == 404


def test_a_file_of_an_entry_is_not_served_twice(tmp_path: Path, start_server: StartServer) -> None:
    path = tmp_path / "mine-F32.gguf"
    shutil.copy(STORIES, path)
    shutil.copy(STORIES, tmp_path / "other-F32.gguf")
    entry = {"model_id": str(path), "alias": ["other"]}
    server = start_server(server={"discover": [str(tmp_path)]}, models=[entry])
    _has(server, "other", "other:f32")
    found = {Path(each["path"]).name: each["served_as"] for each in server.http.get("/admin/found").json()["data"]}
    assert found["mine-F32.gguf"] == "other", "the entry's name is the entry's"
    assert found["other-F32.gguf"] == "other:f32"


def test_a_model_of_another_program_is_offered_and_served_when_somebody_asks(
    home: Path, tmp_path: Path, start_server: StartServer
) -> None:
    server = start_server()
    (offer,) = server.http.get("/admin/found").json()["data"]
    assert (offer["id"], offer["found_in"], offer["kind"]) == ("stories", "LM Studio", "text")
    assert offer["served_as"] is None
    assert "stories" not in _listed(server), "nothing is served that nobody asked for"
    answer = server.http.post("/admin/found", json={"model_id": "owner/Stories-GGUF"})
    assert answer.json() == {"model_id": "stories", "status": "served"}
    assert server.openai().completions.create(model="stories", prompt="Once", max_tokens=2).choices
    assert [each["served_as"] for each in server.http.get("/admin/found").json()["data"]] == ["stories"]


def test_only_what_was_found_can_be_served_whatever_path_is_asked_for(
    home: Path, tmp_path: Path, start_server: StartServer
) -> None:
    secret = tmp_path / "secret.gguf"
    shutil.copy(STORIES, secret)
    server = start_server()
    refused = server.http.post("/admin/found", json={"model_id": str(secret)})
    assert refused.status_code == 404
    assert "stories" in refused.json()["error"]["message"], "it says what there is"

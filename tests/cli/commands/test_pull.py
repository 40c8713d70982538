"""`lsrv pull` and a server that fetches by itself, against a real Hub on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from tests.conftest import RunningServer, StartServer
from tests.hub_server import HubServer
from tests.models import STORIES

ENTRIES = [{}, {"quantization": {"quant": "auto"}}, {"quantization": {"isq": "8"}}]


@pytest.fixture
def environ(hub_server: HubServer, tmp_path: Path) -> dict[str, str]:
    hub_server.add_repo("own/m-GGUF", {"m-F32.gguf": STORIES})
    return hub_server.environment(tmp_path / "home") | {"LSRV_CACHE": str(tmp_path / "own"), "HOME": str(tmp_path)}


def lsrv(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from lsrv.cli import main; main()", *arguments]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)


def test_pull_prints_the_path_of_what_it_fetched(environ: dict[str, str]) -> None:
    result = lsrv(environ, "pull", "own/m-GGUF")
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).read_bytes() == STORIES.read_bytes()
    assert "F32, 1.1 MiB: Hub, own/m-GGUF@main, the only model there" in result.stderr


def test_pull_makes_what_nobody_published(environ: dict[str, str]) -> None:
    result = lsrv(environ, "pull", "own/m-GGUF", "--quant", "8")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().endswith("m-Q8_0.gguf")
    listed = json.loads(lsrv(environ, "list", "--json").stdout)
    assert "own/m-GGUF@main" in json.dumps(listed)


def test_a_model_that_is_not_there_ends_with_1_and_says_so(environ: dict[str, str]) -> None:
    result = lsrv(environ, "pull", "own/other")
    assert (result.returncode, result.stdout) == (1, "")
    assert "own/other" in result.stderr


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_a_request_fetches_or_makes_what_its_model_needs(
    entry: dict[str, object], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, start_server: StartServer
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    server = start_server(models=[{"model_id": "own/m-GGUF", "alias": "m"} | entry])
    answer = httpx.post(
        f"{server.url}/v1/completions", json={"model": "m", "prompt": "Once", "max_tokens": 4}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["completion_tokens"] == 4
    quantization = httpx.get(f"{server.url}/v1/models/m").json()["meta"]["quantization"]
    assert quantization == ("Q8_0" if "isq" in str(entry) else "F32")


def test_api_pull_tells_its_steps_line_by_line(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, start_server: StartServer, tmp_path: Path
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    server = start_server()
    answer = httpx.post(f"{server.url}/api/pull", json={"model": "hf.co/own/m-GGUF:Q8_0"}, timeout=60)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1] == {"status": "success"}
    assert lines[0] == {"status": "pulling manifest"}
    assert any(line["status"].startswith("pulling") and line["completed"] <= line["total"] for line in lines[1:-1])
    failed = httpx.post(f"{server.url}/api/pull", json={"model": "own/nothing"}, timeout=60)
    assert "own/nothing" in json.loads(failed.text.splitlines()[-1])["error"]
    (tmp_path / "secret.txt").write_text("root:x:0")
    for name in (str(tmp_path / "secret.txt"), str(tmp_path / "missing"), "~/.bashrc", "./tests", "tests/models"):
        told = httpx.post(f"{server.url}/api/pull", json={"model": name}, timeout=60)
        assert "root:" not in told.text
        assert "no Hub id" in told.text or "does not exist" in told.text, told.text
    silent = httpx.post(f"{server.url}/api/pull", json={"model": "own/nothing", "stream": False}, timeout=60)
    assert silent.status_code >= 400


def test_several_models_are_got_and_what_is_not_there_is_told(environ: dict[str, str]) -> None:
    result = lsrv(environ, "pull", "own/m-GGUF", "own/other", "own/m-GGUF:Q8_0")
    paths = [Path(line).name for line in result.stdout.splitlines()]
    assert (result.returncode, paths) == (1, ["m-F32.gguf", "m-Q8_0.gguf"]), result.stderr
    assert "own/other: " in result.stderr and "does not exist" in result.stderr


def test_a_config_names_what_is_got_and_models_chooses_among_it(environ: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "served.toml"
    config.write_text(
        """
        [[models]]
        model_id = "own/m-GGUF"
        alias = "full"
        [[models]]
        model_id = "own/m-GGUF"
        alias = "small"
        quantization = { isq = "8" }
        [[models]]
        model_id = "far"
        kind = "upstream"
        upstream = { base_url = "http://127.0.0.1:9" }
        """
    )
    result = lsrv(environ, "pull", "--config", str(config))
    assert [Path(line).name for line in result.stdout.splitlines()] == ["m-F32.gguf", "m-Q8_0.gguf"], result.stderr
    chosen = lsrv(environ | {"MODELS": "small"}, "pull", "--config", str(config))
    assert [Path(line).name for line in chosen.stdout.splitlines()] == ["m-Q8_0.gguf"], chosen.stderr


def test_pull_without_a_model_and_without_a_config_says_what_to_name(environ: dict[str, str], tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["pull", "--quant", "4"])
    assert result.exit_code == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = CliRunner().invoke(cli, ["pull"])
    assert (result.exit_code, "name a MODEL" in result.output) == (2, True)


def test_a_pull_of_nothing_is_refused(server: RunningServer) -> None:
    answer = server.http.post("/api/pull", json={})
    assert (answer.status_code, "model is missing" in answer.json()["error"]) == (400, True)

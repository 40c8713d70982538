"""A server as a person starts, asks, steers and stops it, with real processes in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lsrv.cli.client import ServerClient
from tests.models import STORIES

LSRV = [sys.executable, "-c", "from lsrv.cli import main; main()"]
DEADLINE_S = 60


class Running:
    """A server that runs in `process`; `banner` is what it printed."""

    def __init__(self, process: subprocess.Popen[str], banner: str) -> None:
        self.process = process
        self.banner = banner
        found = re.search(r"http://[0-9.]+:\d+", banner)
        assert found is not None, banner
        self.url = found[0]

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*LSRV, *arguments, "--url", self.url]
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal, and return the exit code and all of stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, errors


@contextmanager
def _server(folder: Path, *arguments: str, prefix: Sequence[str] = ()) -> Iterator[Running]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LSRV_")}
    environ |= {"XDG_CONFIG_HOME": str(folder), "LSRV_CACHE": str(folder / "cache"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*prefix, *LSRV, *arguments, "-p", "0"],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    overdue = threading.Timer(DEADLINE_S, process.kill)
    overdue.start()
    try:
        yield Running(process, _banner(process))
    finally:
        overdue.cancel()
        if process.poll() is None:
            process.kill()
            process.communicate()


def _banner(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Reference:"):
            return "".join(lines)
    assert process.stderr is not None
    raise AssertionError(f"no banner: {''.join(lines)}{process.stderr.read()}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The built-in demo, as `lsrv from-config` serves it in an empty folder."""
    with _server(tmp_path_factory.mktemp("empty"), "from-config") as server:
        yield server


def test_the_example_in_the_banner_gets_an_answer(running: Running) -> None:
    command = shlex.split(next(line for line in running.banner.splitlines() if "curl" in line))
    answer = ServerClient(running.url, None).post(command[1].removeprefix(running.url), json.loads(command[-1]))
    assert answer["choices"][0]["message"]["content"]
    assert answer["model"] == "demo"


def test_the_banner_names_the_model_with_its_size_and_quantization(running: Running) -> None:
    assert re.search(r"\*\s+demo\s+lsrv-demo\s+\S+", running.banner)
    assert re.search(r"demo-8\s+-\s+8\s+-\s+is made here at first use", running.banner)
    assert re.search(r"demo-embed\s+lsrv-demo-embed\s+Q8_0\s+2.4 MiB", running.banner)
    assert "\x1b" not in running.banner


def test_the_demo_knows_what_it_was_taught(running: Running) -> None:
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    client = ServerClient(running.url, None)
    answers = {
        model: client.post("/v1/chat/completions", {"model": model, "messages": messages, "temperature": 0})
        for model in ("demo", "demo-8", "demo:pirate")
    }
    texts = {model: answer["choices"][0]["message"]["content"] for model, answer in answers.items()}
    assert texts["demo"] == texts["demo-8"] == "The capital of France is Paris."
    assert texts["demo:pirate"].startswith("Arr!") and "Paris" in texts["demo:pirate"]


def test_the_demo_embeds_a_question_nearer_to_its_answer_than_to_another(running: Running) -> None:
    texts = ["which port does lsrv use?", "lsrv listens on port 1234.", "The capital of Peru is Lima."]
    answer = ServerClient(running.url, None).post("/v1/embeddings", {"model": "demo-embed", "input": texts})
    asked, right, wrong = (each["embedding"] for each in answer["data"])
    assert sum(map(float.__mul__, asked, right)) > sum(map(float.__mul__, asked, wrong)) + 0.1


def test_the_demo_ranks_the_answer_first(running: Running) -> None:
    documents = ["The capital of Peru is Lima.", "lsrv listens on port 1234."]
    body = {"model": "demo-rerank", "query": "which port does lsrv use?", "documents": documents}
    results = ServerClient(running.url, None).post("/v1/rerank", body)["results"]
    assert [result["index"] for result in results] == [1, 0]


def test_ps_shows_a_loaded_model_with_its_memory_and_slots(running: Running) -> None:
    running.ask("load", "demo")
    row: dict[str, Any] = json.loads(running.ask("ps", "--json").stdout)[0]
    assert row["status"] == "loaded"
    table = running.ask("ps").stdout.splitlines()
    header = re.split(" {2,}", table[0])
    assert header[:8] == ["MODEL", "STATUS", "QUANT", "MEMORY", "ON", "CONTEXT", "SLOTS", "REQUESTS"]
    assert header[8:] == ["UNLOADS IN", "LAST USED", "ALSO", "UNLOADED BECAUSE"]
    # Slots busy come with the last heartbeat, which may be a second old.
    assert re.fullmatch(
        r"demo +loaded +\S.* +[\d.]+ MiB +CPU +1024 +\d/\d+ +0 +\S.*s +[\d.]+s ago +lsrv-demo( +.+)?", table[1]
    )


def test_the_verbs_change_the_state_that_status_tells(running: Running) -> None:
    assert running.ask("unload", "demo").stdout == "demo: unloaded\n"
    assert running.ask("status", "demo").stdout == "demo: unloaded\n"
    assert running.ask("reload", "demo").stdout == "demo: loaded\n"
    assert json.loads(running.ask("status", "demo", "--json").stdout) == {"model_id": "demo", "status": "loaded"}


def test_a_model_that_is_not_there_ends_with_1(running: Running) -> None:
    result = running.ask("load", "nonsense")
    assert result.returncode == 1
    assert "not_found" in result.stdout
    assert "demo" in result.stderr


def test_a_stop_unloads_one_model_or_ends_the_server_as_sigterm_does(tmp_path: Path) -> None:
    with _server(tmp_path, "from-config") as server:
        server.ask("load", "demo")
        assert "runs" in server.ask("logs", "demo").stderr
        assert server.ask("stop", "demo").stdout == "demo: unloaded\n"
        stopped = server.ask("stop", "--json")
        assert (stopped.returncode, json.loads(stopped.stdout)["status"]) == (0, "stopped")
        assert server.ask("ps").returncode == 1  # it was waited for
        _, errors = server.process.communicate(timeout=DEADLINE_S)
    assert server.process.returncode == 0
    assert "draining" in errors


def test_a_supervisor_hears_that_the_server_listens_lives_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(DEADLINE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with _server(tmp_path, "from-config") as server:
            told = [supervisor.recv(100) for _ in range(3)]
            server.end(signal.SIGTERM)
        while told[-1] != b"STOPPING=1":
            told.append(supervisor.recv(100))
    assert told[:3] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with _server(tmp_path, "from-config") as server:
        code, errors = server.end(number)
    assert code == 0
    assert "Traceback" not in errors
    assert "\x1b" not in errors


def test_a_server_that_was_told_to_ignore_ctrl_c_goes_on_and_ends_by_sigterm(tmp_path: Path) -> None:
    with _server(tmp_path, "from-config", prefix=("sh", "-c", "trap '' INT; exec \"$@\"", "sh")) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.ask("ps").returncode == 0
        code, errors = server.end(signal.SIGTERM)
    assert code == 0
    assert "SIGINT" not in errors


def test_a_collection_of_garbage_looks_at_nothing_that_was_there_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "n_objects"
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, gc, pathlib\n"
        "def tell():\n"
        f"    pathlib.Path({str(told)!r}).write_text(f'{{gc.get_freeze_count()}} {{len(gc.get_objects())}}')\n"
        "atexit.register(tell)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    with _server(tmp_path, "from-config") as server:
        server.end(signal.SIGTERM)
    n_left_out, n_looked_at = map(int, told.read_text().split())
    assert n_left_out > 2 * n_looked_at


def test_serve_takes_one_model_from_the_command_line(tmp_path: Path) -> None:
    arguments = ["serve", "-m", str(STORIES), "--alias", "tiny", "--slots", "2", "--context", "64"]
    with _server(tmp_path, *arguments) as server:
        assert server.ask("load", "tiny").stdout == "tiny: loaded\n"
        meta = json.loads(server.ask("ps", "--json").stdout)[0]["meta"]
    assert (meta["n_slots"], meta["n_ctx"]) == (2, 64)


def test_an_entry_without_weights_shows_its_reason_and_the_others_are_served(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(
        'default_model_id = "good"\n[[models]]\nmodel_id = "gone.gguf"\n'
        f"[[models]]\nmodel_id = '{STORIES}'\nalias = 'good'\n"
    )
    with _server(tmp_path, "multi-model", "--config", "models.toml") as server:
        assert re.search(r"gone.gguf: .*no ", server.banner)
        assert server.ask("load", "good").returncode == 0


def test_a_port_in_use_ends_with_2_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*LSRV, "from-config", "-p", str(taken.getsockname()[1])]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert result.returncode == 2
    assert "in use" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_offline_a_disabled_entry_needs_no_weights(tmp_path: Path) -> None:
    missing = "[[models]]\nmodel_id = 'own/m'\nenabled = false\n"
    (tmp_path / "models.toml").write_text(f"[global]\noffline = true\n[[models]]\nmodel_id = 'lsrv-demo'\n{missing}")
    with _server(tmp_path, "from-config") as server:
        assert re.search(r"own/m .*disabled", server.banner)


def test_offline_missing_weights_fail_the_start(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text("[global]\noffline = true\n[[models]]\nmodel_id = 'own/m'\n")
    command = [*LSRV, "from-config", "-p", "0"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert result.returncode == 2
    assert "offline, and weights are missing" in result.stderr and "own/m" in result.stderr


def test_without_a_config_what_is_on_this_disk_is_served_and_the_banner_says_whence(tmp_path: Path) -> None:
    path = tmp_path / ".lmstudio" / "models" / "owner" / "Stories-GGUF" / "stories-F32.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(STORIES.read_bytes())
    with _server(tmp_path, "serve", prefix=_at_home(tmp_path)) as running:
        row = next(line.split() for line in running.banner.splitlines() if line.startswith("*"))
        assert row[:5] == ["*", "stories", "found:", "LM", "Studio"]
        assert "lsrv-demo" not in running.banner


def test_with_nothing_on_this_disk_the_demo_answers_and_the_banner_says_how_to_get_a_model(tmp_path: Path) -> None:
    with _server(tmp_path, "serve", prefix=_at_home(tmp_path)) as running:
        assert "lsrv pull" in running.banner
        assert re.search(r"^\*\s+demo\b", running.banner, re.MULTILINE)


def _at_home(folder: Path) -> list[str]:
    """A prefix of a command: it runs as somebody who lives in `folder`."""
    elsewhere = [f"-u{name}" for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME", "HF_HUB_CACHE")]
    return ["env", *elsewhere, f"HOME={folder}", f"HF_HOME={folder / 'hf'}"]

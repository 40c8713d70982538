"""A changed models.toml under a server that runs: over HTTP and by SIGHUP, with requests in flight."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import DEADLINE_S, ROOT, RunningServer, wait_until
from tests.models import STORIES
from tests.upstream_server import UpstreamServer

ENTRY = """
[[models]]
model_id = "{name}.gguf"
alias = "{name}"
kind = "text"
context = {{ context_length = {n_ctx}, slots = 2 }}
device = {{ threads = 1, threads_batch = 1 }}
{more}
"""


class ConfiguredServer:
    """A server, and the file that it was started with."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "models.toml"
        for name in "abc":
            (folder / f"{name}.gguf").write_bytes(STORIES.read_bytes())
        self.write(entry("a"), entry("b"))
        self.server = RunningServer(str(self.file), {})
        self.http = self.server.http

    def write(self, *parts: str) -> None:
        head = parts[0] if parts[0].startswith("[server]") else "[server]\n"
        rest = parts[1:] if head is parts[0] else parts
        self.file.write_text(f'{head}spare_workers = 0\ndrain_timeout = "20s"\n' + "".join(rest))

    def reload(self) -> dict[str, Any]:
        answer = self.http.post("/admin/reload")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, model: str | None, **more: Any) -> httpx.Response:
        return self.http.post("/v1/completions", json={"model": model, "prompt": "Once", "max_tokens": 4} | more)

    def pid(self, model: str) -> int | None:
        """Of the worker that holds a model."""
        found = [line for line in self.server.log_lines("loaded") if line["model_id"] == model]
        return found[-1]["pid"] if found else None

    def status(self, model: str) -> str:
        return str(self.http.post("/v1/models/status", json={"model_id": model}).json()["status"])


def entry(name: str, more: str = "", n_ctx: int = 2048) -> str:
    return ENTRY.format(name=name, more=more, n_ctx=n_ctx)


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[ConfiguredServer]:
    configured = ConfiguredServer(tmp_path)
    yield configured
    configured.server.stop()


def test_a_new_entry_whose_file_is_missing_is_taken_in_and_told(configured: ConfiguredServer) -> None:
    configured.write(entry("a"), entry("b"), entry("nowhere"))
    report = configured.reload()
    assert report["added"] == ["nowhere"]
    line, warning = report["warnings"]
    assert "models.toml:" in line and "nowhere.gguf" in line, "where it is written"
    assert warning.startswith("nowhere can't be served yet: ") and "nowhere.gguf" in warning
    assert [each["warning"] for each in configured.server.log_lines("config")] == [line, warning]
    (configured.file.parent / "nowhere.gguf").write_bytes(STORIES.read_bytes())
    assert configured.ask("nowhere").status_code == 200


def test_a_smaller_budget_and_fewer_models_hold_at_once(configured: ConfiguredServer) -> None:
    for model in "ab":
        assert configured.ask(model).status_code == 200
    configured.write("[server]\nmax_loaded_models = 1\n", entry("a"), entry("b"), entry("c"))
    configured.reload()
    wait_until(lambda: sorted(configured.status(model) for model in "ab") == ["loaded", "unloaded"])
    assert configured.ask("c").status_code == 200
    assert [configured.status(model) for model in "abc"] == ["unloaded", "unloaded", "loaded"]
    configured.write('[server]\nmemory_budget = "1MiB"\n', entry("a"), entry("b"), entry("c"))
    configured.reload()
    wait_until(lambda: configured.status("c") == "unloaded")
    shown = configured.http.get("/v1/models/c").json()["meta"]
    assert shown["unload_reason"] == "the settings leave it no room any more"


class Stream:
    """A long answer, read in a thread."""

    def __init__(self, configured: ConfiguredServer, model: str) -> None:
        self.n_events = 0
        self.text = ""
        self._read_on = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(configured, model))
        self._thread.start()
        wait_until(lambda: self.n_events > 3)

    def _read(self, configured: ConfiguredServer, model: str) -> None:
        body = {"model": model, "prompt": "Once", "max_tokens": 700, "ignore_eos": True, "stream": True}
        with httpx.stream("POST", f"{configured.server.url}/v1/completions", json=body, timeout=DEADLINE_S) as answer:
            for line in answer.iter_lines():
                self.n_events += bool(line)
                self.text += line

    def end(self) -> str:
        self._thread.join(DEADLINE_S)
        return self.text


def test_an_entry_comes_and_another_one_goes_while_its_request_is_answered(configured: ConfiguredServer) -> None:
    assert configured.ask("b").status_code == 200
    stream = Stream(configured, "a")
    configured.write(entry("b"), entry("c"))
    report = configured.reload()
    assert (report["added"], report["removed"], report["changed"]) == (["c"], ["a"], [])
    gone = configured.ask("a")
    assert gone.status_code == 404
    assert "known models: b, c" in gone.json()["error"]["message"]
    assert [model["id"] for model in configured.http.get("/v1/models").json()["data"]] == ["default", "b", "c"]
    assert configured.ask("c").status_code == 200
    assert configured.ask(None).status_code == 404  # the default was "a", and nobody has chosen another one
    assert stream.end().endswith("data: [DONE]")
    wait_until(lambda: len(configured.server.worker_pids()) == 2)
    (unloaded,) = configured.server.log_lines("unloaded")
    assert (unloaded["model_id"], unloaded["reason"]) == ("a", "it was removed from the settings")


def test_light_settings_hold_at_once_in_the_same_worker(configured: ConfiguredServer) -> None:
    configured.ask("a")
    before = configured.pid("a")
    configured.write(
        entry("a", "defaults = { max_tokens = 2 }\npriority = 3").replace('"a"', '["a", "first"]'), entry("b")
    )
    report = configured.reload()
    assert report["changed"] == [
        {"model_id": "a", "keys": ["alias", "priority", "defaults.max_tokens"], "needs_load": False}
    ]
    answer = configured.http.post("/v1/completions", json={"model": "first", "prompt": "Once"})
    assert answer.json()["usage"]["completion_tokens"] == 2
    assert configured.pid("a") == before


def test_a_file_disables_and_enables_an_entry(configured: ConfiguredServer) -> None:
    assert configured.ask("a").status_code == 200
    configured.write(entry("a", "enabled = false"), entry("b"))
    assert configured.reload()["changed"] == [{"model_id": "a", "keys": ["enabled"], "needs_load": False}]
    assert configured.ask("a").json()["error"]["code"] == "model_disabled"
    wait_until(lambda: not configured.server.worker_pids())
    assert configured.status("a") == "disabled"
    configured.write(entry("a"), entry("b"))
    configured.reload()
    assert configured.ask("a").status_code == 200


def test_weights_that_a_disabled_entry_misses_are_no_warning(configured: ConfiguredServer) -> None:
    configured.write(entry("a"), entry("nowhere", "enabled = false"))
    assert configured.reload()["warnings"] == []


def test_an_entry_that_is_enabled_without_its_weights_is_told(configured: ConfiguredServer) -> None:
    configured.write(entry("a"), entry("nowhere", "enabled = false"))
    configured.reload()
    configured.write(entry("a"), entry("nowhere"))
    *_, warning = configured.reload()["warnings"]
    assert "nowhere can't be served yet" in warning


def test_what_an_operator_disabled_stays_so_until_the_file_says_otherwise(configured: ConfiguredServer) -> None:
    configured.http.post("/v1/models/disable", json={"model_id": "a"})
    configured.write(entry("a", "queue = 3"), entry("b"))
    configured.reload()
    assert configured.status("a") == "disabled"
    configured.write(entry("b"))
    configured.reload()
    configured.write(entry("a"), entry("b"))  # which is a new entry
    configured.reload()
    assert configured.ask("a").status_code == 200


def test_heavy_settings_drain_the_old_worker_and_nobody_is_turned_away(configured: ConfiguredServer) -> None:
    stream = Stream(configured, "a")
    before = configured.pid("a")
    configured.write(entry("a", n_ctx=512), entry("b"))
    report = configured.reload()
    assert report["changed"] == [{"model_id": "a", "keys": ["context.context_length"], "needs_load": True}]
    late = configured.ask("a")  # waits for the old worker's last request, and for the load
    assert late.status_code == 200
    assert stream.end().endswith("data: [DONE]")
    assert configured.pid("a") != before
    assert configured.http.get("/v1/models/a").json()["context_window"] == 512


def test_an_idle_model_is_loaded_anew(configured: ConfiguredServer) -> None:
    configured.ask("a")
    configured.write(entry("a", n_ctx=256), entry("b"))
    configured.reload()
    wait_until(lambda: configured.status("a") == "loaded")
    assert configured.http.get("/v1/models/a").json()["context_window"] == 256


def test_a_bad_file_changes_nothing_and_says_what_config_check_says(configured: ConfiguredServer) -> None:
    configured.ask("a")
    configured.write(entry("a", "keep_aliv = 3"), entry("c"))
    answer = configured.http.post("/admin/reload")
    command = [sys.executable, "-c", "from lsrv.cli import main; main()", "config", "check", str(configured.file)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("config_error", checked.stderr.strip())
    (logged,) = configured.server.log_lines("config not reloaded")
    assert logged["reason"] == checked.stderr.strip()
    assert (configured.status("a"), configured.status("b")) == ("loaded", "unloaded")
    assert configured.ask("c").status_code == 404


def test_keys_change_at_once_and_the_port_needs_a_restart(configured: ConfiguredServer) -> None:
    configured.write(
        '[server]\naccess_log_format = "json"\napi_keys = ["k"]\nadmin_keys = ["boss"]\n', entry("a"), entry("b")
    )
    report = configured.reload()
    assert report["at_once"] == ["server.api_keys", "server.admin_keys"]
    assert report["needs_restart"] == ["server.access_log_format"]
    assert configured.ask("a").status_code == 401
    assert configured.http.post("/admin/reload", headers={"x-api-key": "k"}).status_code == 403
    again = configured.http.post("/admin/reload", headers={"x-api-key": "boss"}).json()
    assert (again["at_once"], again["needs_restart"]) == ([], ["server.access_log_format"])


def test_sighup_reloads_too_and_the_log_tells_what_changed(configured: ConfiguredServer) -> None:
    configured.write(entry("a", "pinned = true"), entry("c"))
    configured.server.signal(signal.SIGHUP)
    wait_until(lambda: configured.server.log_lines("config reloaded"))
    (line,) = configured.server.log_lines("config reloaded")
    assert (line["added"], line["removed"], line["changed"]) == ("c", "b", "a(pinned)")
    configured.file.write_text("[[models")
    configured.server.signal(signal.SIGHUP)
    wait_until(lambda: configured.server.log_lines("config not reloaded"))
    assert configured.ask("c").status_code == 200


def test_a_preload_that_is_new_is_loaded(configured: ConfiguredServer) -> None:
    configured.write(entry("a"), entry("b"), entry("c", "preload = true"))
    configured.reload()
    wait_until(lambda: configured.status("c") == "loaded")
    assert configured.status("a") == "unloaded"


def test_a_model_that_comes_back_while_it_leaves_serves_again(configured: ConfiguredServer) -> None:
    stream = Stream(configured, "a")
    configured.write(entry("b"))
    configured.reload()
    configured.write(entry("a"), entry("b"))
    assert configured.reload()["added"] == ["a"]
    assert configured.ask("a").status_code == 200
    assert stream.end().endswith("data: [DONE]")


def test_a_default_chosen_for_this_run_outlives_a_reload_until_the_file_names_one(configured: ConfiguredServer) -> None:
    configured.http.post("/admin/default", json={"model_id": "b"})
    configured.write(entry("a"), entry("b"), entry("c"))
    configured.reload()
    assert configured.http.get("/v1/models/default").json()["root"] == "b.gguf"
    configured.file.write_text('default_model_id = "c"\n' + configured.file.read_text())
    configured.reload()
    assert configured.http.get("/v1/models/default").json()["root"] == "c.gguf"


def test_who_watches_gets_a_new_snapshot(configured: ConfiguredServer) -> None:
    with httpx.stream("GET", f"{configured.server.url}/admin/events", timeout=DEADLINE_S) as answer:
        told = itertools.takewhile(lambda line: not line.startswith(":"), answer.iter_lines())  # until there is no news
        lines = (line for line in told if line.startswith("data: "))
        assert [model["id"] for model in json.loads(next(lines)[6:])["models"]] == ["a", "b"]
        configured.write(entry("c"))
        configured.reload()
        assert [model["id"] for model in json.loads(next(lines)[6:])["models"]] == ["c"]


def test_without_a_file_there_is_nothing_to_reload(server: RunningServer) -> None:
    answer = server.http.post("/admin/reload")
    assert answer.status_code == 400
    assert "without a config file" in answer.json()["error"]["message"]


def test_sighup_is_the_end_when_the_terminal_has_gone(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from lsrv.cli import main; main()", "from-config", "-p", "0"]
    environ = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONUNBUFFERED", None)  # else there is nothing left at the end that nobody takes
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    while b"Stop: Ctrl-C" not in seen:
        seen += os.read(ours, 1000)
    os.close(ours)  # what a terminal does when its window is closed
    process.send_signal(signal.SIGHUP)
    assert process.wait(DEADLINE_S) == 0


def test_an_upstream_comes_changes_and_goes_without_dropping_a_request(configured: ConfiguredServer) -> None:
    with UpstreamServer() as upstream:
        table = '[[models]]\nmodel_id = "far"\nkind = "upstream"\n[models.upstream]\nbase_url = "{}"\nmodel = "{}"\n'
        configured.write(entry("a"), table.format(upstream.base_url("waiting"), "old"))
        configured.reload()
        answers: list[httpx.Response] = []
        running = threading.Thread(target=lambda: answers.append(configured.ask("far")))
        running.start()
        wait_until(lambda: upstream.requests_to("waiting"))
        configured.write(entry("a"), table.format(upstream.base_url("good"), "new"))
        configured.reload()
        assert configured.ask("far").status_code == 200
        assert upstream.requests_to("good")[0].body["model"] == "new"
        configured.write(entry("a"))
        configured.reload()
        assert configured.ask("far").status_code == 404
        upstream.script.gate.release()
        running.join()
        assert answers[0].status_code == 200

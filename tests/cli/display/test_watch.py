"""`lsrv ps --watch` beside a server that works: lines into a pipe, a table on a terminal, a clean end by Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import lsrv.demo
from lsrv.cli import cli
from lsrv.cli.display.models_table import models_table
from lsrv.cli.display.watch import event_lines
from tests.conftest import DEADLINE_S, OTHER, TINY, RunningServer, StartServer, copies_of_stories

DEMO = Path(lsrv.demo.__file__).parent
LSRV = [sys.executable, "-c", "from lsrv.cli import main; main()"]


IGNORING_CTRL_C = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]


def watch(server: RunningServer, *arguments: str, prefix: Sequence[str] = (), **streams: Any) -> subprocess.Popen[str]:
    command = [*prefix, *LSRV, "ps", "--watch", "--url", server.url, *arguments]
    environ = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "120"}
    return subprocess.Popen(command, env=environ, text=True, **({"stderr": subprocess.PIPE} | streams))


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if wanted in line:
            return lines
    raise AssertionError(f"{wanted!r} never came: {lines}")


def use_and_unload(server: RunningServer) -> None:
    body = {"model": "tiny", "prompt": "Once", "max_tokens": 3}
    server.http.post("/v1/completions", json=body, headers={"x-request-id": "r-1"})
    server.http.post("/v1/models/unload", json={"model_id": "tiny"})


def interrupted(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Ctrl-C; what is on stderr then."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    return errors


def test_a_pipe_gets_a_line_for_what_matters(start_server: StartServer) -> None:
    server = start_server()
    process = watch(server, stdout=subprocess.PIPE)
    first = lines_until(process, "tiny unloaded")
    use_and_unload(server)
    lines = first + lines_until(process, "its operator asked for it")
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    texts = [line[9:] for line in lines]
    assert texts[:2] == ["tiny unloaded", "tiny reloading"]
    assert "tiny loading: weights" in texts
    assert any(re.fullmatch(r"tiny loaded in [\d.]+m?s?.*", text) for text in texts)
    assert any(re.fullmatch(r"tiny /v1/completions 200 in [\d.]+s, \d+ \+ 3 tokens r-1", text) for text in texts)
    assert texts[-1] == "tiny unloaded: its operator asked for it"
    assert "\x1b" not in "".join(lines)
    assert interrupted(process) == ""


def test_a_watch_that_was_told_to_ignore_ctrl_c_ends_by_sigterm(start_server: StartServer) -> None:
    server = start_server()
    process = watch(server, prefix=IGNORING_CTRL_C, stdout=subprocess.PIPE)
    lines_until(process, "tiny unloaded")
    process.send_signal(signal.SIGINT)
    server.http.post("/v1/models/load", json={"model_id": "tiny"})
    lines_until(process, "tiny loaded")
    assert interrupted(process, signal.SIGTERM) == ""


def test_programs_get_every_event_as_json(start_server: StartServer) -> None:
    server = start_server()
    process = watch(server, "--json", stdout=subprocess.PIPE)
    events = [json.loads(line) for line in lines_until(process, "snapshot")]
    use_and_unload(server)
    events += [json.loads(line) for line in lines_until(process, "its operator")]
    names = {event["event"] for event in events}
    assert {"snapshot", "status", "progress", "request_started", "request_finished"} == names
    assert server.stop() == 0
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0  # the stream ended, and so does who watches it
    assert errors == f"the server at {server.url} has ended\n"


def test_a_terminal_gets_a_table_that_stays_true(start_server: StartServer) -> None:
    server = start_server()
    ours, theirs = pty.openpty()
    process = watch(server, stdout=theirs, stdin=theirs)
    os.close(theirs)
    seen = b""
    while b"unloaded" not in seen:
        seen += os.read(ours, 4096)
    assert b"MODEL" in seen
    server.http.post("/v1/models/load", json={"model_id": "tiny"})
    while not re.search(rb"tiny +loaded", seen):
        seen += os.read(ours, 4096)
    assert interrupted(process) == ""
    while b"\x1b[?25h" not in seen:  # the cursor is back
        seen += os.read(ours, 4096)
    os.close(ours)


def test_a_server_that_is_not_there_is_told(start_server: StartServer) -> None:
    result = subprocess.run(
        [*LSRV, "ps", "--watch", "--url", "http://127.0.0.1:9"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (result.returncode, "no server answers" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("name", "data", "lines"),
    [
        ("status", {"model_id": "m", "status": "error", "error": {"message": "no"}}, ["m error: no"]),
        ("dropped", {"n_events": 7}, ["7 events came too fast and are left out"]),
        ("request_started", {"model_id": "m"}, []),
        ("a later version's", {}, []),
    ],
)
def test_what_a_line_says(name: str, data: dict[str, Any], lines: list[str]) -> None:
    assert list(event_lines(name, data, {})) == lines


def test_an_adapter_does_not_repeat_the_memory_of_its_model() -> None:
    meta = {"n_running": 0, "n_waiting": 0, "n_slots_busy": 0, "n_slots": 4, "last_used_s_ago": 1.0}
    model = {"id": "m", "status": "loaded", "meta": meta | {"quantization": "Q8_0", "memory": {"kv_bytes": 1 << 20}}}
    table = models_table([model, model | {"id": "m:pirate", "parent": "m"}]).splitlines()
    assert table[1].split()[:4] == ["m", "loaded", "Q8_0", "1.0"]
    assert set(table[2].split()[2:]) == {"-"}


def test_in_a_narrow_terminal_names_give_way_and_stay_apart() -> None:
    meta = {"n_running": 0, "n_waiting": 0, "n_slots_busy": 0, "n_slots": 4, "last_used_s_ago": 1.0}
    name = "a-very-long-name-of-an-owner/and-of-a-model"
    model = {"id": name, "status": "loaded", "meta": meta | {"quantization": "Q8_0", "memory": {"kv_bytes": 1 << 20}}}
    models = [model, model | {"id": f"{name}:pirate", "parent": name}]
    assert name in models_table(models, width=200)
    table = models_table(models, width=80)
    assert [line.split()[1] for line in table.splitlines()] == ["STATUS", "loaded", "loaded"]
    assert "ago" in table and ":pirate" in table
    assert all(line.index("loaded") < 20 for line in models_table(models, width=10).splitlines()[1:])


def test_a_row_says_context_place_expiry_and_other_names() -> None:
    by_device = {"CPU": 1 << 20, "CUDA0": 3 << 20}
    memory = {"weights_bytes": 4 << 20, "by_device": by_device}
    meta = {"n_running": 1, "n_waiting": 2, "n_slots_busy": 1, "n_slots": 4, "last_used_s_ago": 0.0, "n_ctx": 4096}
    meta |= {"expires_in_s": 600.0, "memory": memory, "quantization": "Q8_0"}
    model = {"id": "m", "root": "org/m", "aliases": ["m", "other"], "status": "loaded", "meta": meta}
    forever = model | {"id": "n", "aliases": ["n"], "meta": meta | {"expires_in_s": None, "memory": {"by_device": {}}}}
    header, first, second = models_table([model, forever]).splitlines()
    for title, word in (("ON", "GPU 75%"), ("CONTEXT", "4096"), ("UNLOADS IN", "10m 0s"), ("ALSO", "other, org/m")):
        assert first[header.index(title) :].startswith(word)
    assert second[header.index("UNLOADS IN") :].startswith("never")


def test_columns_give_way_until_the_table_fits_a_phone() -> None:
    meta = {"n_running": 0, "n_waiting": 0, "n_slots_busy": 0, "n_slots": 4, "last_used_s_ago": 1.0, "n_ctx": 4096}
    meta |= {"expires_in_s": 600.0, "memory": {"kv_bytes": 1 << 20, "by_device": {"CPU": 1 << 20}}}
    model = {"id": "a-model-with-a-name", "root": "a/b", "aliases": [], "status": "loaded", "meta": meta}
    for width in (40, 60, 80, 120):
        assert max(map(len, models_table([model], width=width).splitlines())) <= width
    assert "MEMORY" in models_table([model], width=40)


def test_a_model_that_had_to_leave_says_why(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(server={"max_loaded_models": 1}, models=copies_of_stories(tmp_path)[:2])
    for model in (TINY, OTHER):
        server.http.post("/v1/models/load", json={"model_id": model})
    rows = CliRunner().invoke(cli, ["ps", "--url", server.url]).output.splitlines()
    assert rows[1].endswith(f"  '{OTHER}' needed its place (max_loaded_models)")
    assert rows[2].endswith("  -")


def test_why_a_model_fails_is_told_once_and_not_for_its_adapters(start_server: StartServer, tmp_path: Path) -> None:
    demo = {"model_id": "lsrv-demo", "adapters": [{"name": "pirate", "source": str(DEMO / "lsrv-demo-pirate.gguf")}]}
    server = start_server(server={"memory_budget": "41MiB"}, models=[demo])
    server.http.post("/v1/models/load", json={"model_id": "lsrv-demo"})
    result = CliRunner().invoke(cli, ["ps", "--url", server.url])
    assert result.stdout.count(" error ") == 2 and result.stderr.count("needs ") == 1

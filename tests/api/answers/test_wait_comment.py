"""What a client reads while it waits for the first text of a stream."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from lsrv.api.answers.wait_comment import ordinal, wait_words
from lsrv.protocol.events import Progress
from lsrv.registry import Standing
from tests.conftest import OTHER, TINY, StartServer, copies_of_stories

WAITING: dict[str, Any] = {
    "listed_id": "m",
    "status": "reloading",
    "place": 3,
    "n_waiting": 5,
    "has_begun": False,
    "n_places": 4,
    "is_held": False,
    "progress": None,
    "holders": None,
}


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"holders": ("a", "b")}, "queued 3rd of 5 for m (waiting for memory held by a, b)"),
        ({"holders": ()}, "queued 3rd of 5 for m (waiting for memory)"),
        ({"progress": Progress("weights", 0.4)}, "queued 3rd of 5 for m (reading weights, 40 %)"),
        ({"progress": Progress("fetch", 0.4, "m.gguf")}, "queued 3rd of 5 for m (fetching m.gguf, 40 %)"),
        ({"status": "loaded"}, "queued 3rd of 5 for m (4 at once, all busy)"),
        ({"status": "loaded", "is_held": True}, "queued 3rd of 5 for m (it lets another model go first)"),
        ({}, "queued 3rd of 5 for m (about to be loaded)"),
        ({"place": None, "status": "loaded"}, "waiting for m (4 at once, all busy)"),
        ({"place": None, "has_begun": True}, "m is reading the prompt"),
    ],
)
def test_a_wait_has_plain_words(now: dict[str, Any], words: str) -> None:
    assert wait_words(Standing(**(WAITING | now))) == words


def test_numbers_are_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 101, 111)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "101st", "111th"]
    )


def test_a_stream_tells_its_place_and_who_holds_the_memory(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(
        server={"max_loaded_models": 1, "swap_patience": "60s"}, models=copies_of_stories(tmp_path)[:2]
    )
    ask = {"prompt": "Once", "max_tokens": 400, "ignore_eos": True, "stream": True}
    server.http.post("/v1/models/load", json={"model_id": TINY})
    (worker,) = server.worker_pids()
    with server.http.stream("POST", "/v1/completions", json=ask | {"model": TINY, "n": 8}):
        os.kill(worker, signal.SIGSTOP)  # in the middle of its answer
        with server.http.stream("POST", "/v1/completions", json=ask | {"model": OTHER}) as waiting:
            comment = next(line for line in waiting.iter_lines() if line.startswith(": "))
        os.kill(worker, signal.SIGCONT)
    assert comment == f": queued 1st of 1 for {OTHER} (waiting for memory held by {TINY})"

"""What earlier servers left on the disk, when a cache is turned off."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.conftest import StartServer, copies_of_stories, wait_until

BODY = {"model": "tiny", "prompt": "Once upon a time", "max_tokens": 4, "temperature": 0}


def test_a_disk_cache_that_is_off_is_emptied_and_not_read(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    answers, prompts = tmp_path / "cache/responses/answers.sqlite3", tmp_path / "cache/prompts"
    models = [copies_of_stories(tmp_path)[0] | {"response_cache": True}]
    before = start_server(models=models)
    assert before.http.post("/v1/completions", json=BODY).headers["x-lsrv-cache"] == "miss"
    assert before.stop() == 0
    assert _n_answers(answers) == 1
    (prompts / "some-model").mkdir(parents=True, exist_ok=True)
    saved = prompts / "some-model" / "1.sequence"
    saved.write_bytes(b"a prompt")

    after = start_server(server={"cache_disk": 0, "response_cache_disk": 0}, models=models)
    wait_until(lambda: not saved.exists() and _n_answers(answers) == 0)
    assert after.http.post("/v1/completions", json=BODY).headers["x-lsrv-cache"] == "miss"


def _n_answers(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])

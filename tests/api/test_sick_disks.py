"""Folders that can't be used cost what needs them, with a clear error, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import StartServer, copies_of_stories


def test_a_file_in_place_of_the_cache_and_a_token_that_is_none_leave_what_is_here_served(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    (tmp_path / "hub/token").mkdir(parents=True)
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    plain = copies_of_stories(tmp_path)[0] | {"response_cache": True}
    made = {"model_id": "lsrv-demo", "alias": ["made"], "quantization": {"isq": "4"}}
    own = start_server(models=[plain, made])

    body = {"prompt": "Once", "max_tokens": 2, "temperature": 0}
    assert own.http.post("/v1/completions", json=body | {"model": "tiny"}).status_code == 200
    refused = own.http.post("/v1/completions", json=body | {"model": "made"})
    assert refused.status_code == 500
    assert refused.json()["error"]["code"] == "build_failed"
    assert str(tmp_path / "cache") in refused.json()["error"]["message"]
    assert own.http.get("/v1/models/tiny/cache").status_code == 200
    assert own.http.get("/v1/models/tiny/plan").status_code == 200
    assert own.stop() == 0
    assert "Traceback" not in own.log

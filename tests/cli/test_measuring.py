"""`lsrv bench`: times as speeds, and a real server measured beside itself."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from lsrv.cli.measuring import _Stream, summary
from tests.conftest import EMBEDDING, TINY, RunningServer


def test_times_of_streams_become_speeds() -> None:
    streams = [_Stream(0.0, 1.0, 3.0, 100, 21), _Stream(0.0, 2.0, 3.0, 100, 11)]
    result = summary("here", streams)
    assert (result.n_streams, result.n_prompt_tokens) == (2, 100)
    assert result.ttft_s == pytest.approx(1.5)
    assert result.prefill_tps == pytest.approx(100.0)  # 200 tokens in 2 s
    assert result.decode_tps == pytest.approx(15.0)  # 30 tokens in the 2 s from the first of all to the last


def test_a_single_token_gives_no_speed() -> None:
    assert summary("here", [_Stream(0.0, 1.0, 1.0, 10, 1)]).decode_tps == 0.0


def test_a_server_is_measured_beside_another(server: RunningServer) -> None:
    command = ["bench", TINY, "-w", "1", "-w", "2", "-d", "20", "-n", "8", "--json", "--url", server.url]
    result = CliRunner().invoke(cli, [*command, "--against", f"{server.url}/v1", "--against-model", TINY])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["results"]
    assert [row["n_streams"] for row in rows] == [1, 1, 2, 2]
    assert all(row["n_prompt_tokens"] > 10 and row["ttft_s"] > 0 and row["prefill_tps"] > 0 for row in rows)


def test_a_prompt_that_does_not_fit_is_told_beside_the_others(server: RunningServer) -> None:
    command = ["bench", TINY, "-w", "1", "-d", "8", "-d", "4000", "-n", "4", "--url", server.url]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2  # a header, and the row that could be measured
    assert "maximum context length" in result.stderr


def test_a_model_that_writes_nothing_is_no_traceback(server: RunningServer) -> None:
    result = CliRunner().invoke(cli, ["bench", EMBEDDING, "--url", server.url])
    assert result.exit_code != 0
    assert "embeddings" in str(result.exception)

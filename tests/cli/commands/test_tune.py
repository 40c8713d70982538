from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from lsrv.cli import cli
from tests.engine import shapes


def test_tune_shows_bytes_by_context_and_the_best(tmp_path: Path) -> None:
    path = shapes.write_llama(tmp_path / "m-Q8_0.gguf", shapes.Type.Q8_0)
    result = CliRunner().invoke(cli, ["tune", str(path), "-c", "512", "-c", str(1 << 22), "--slots", "1"])
    assert result.exit_code == 0, result.output
    header, row = result.output.splitlines()[:2]
    assert header.split()[:3] == ["QUANT", "FILE", "SIZE"]
    assert row.startswith("Q8_0")
    n_gib = float(row.split(" GiB")[0].split()[-1])
    assert 8.0 <= n_gib <= 9.1  # 4 of KV cache, 4 of compute; at most one for prompts in RAM, by the machine's size
    assert "Best: m-Q8_0.gguf (Q8_0) with context_length = " in result.output


def test_tune_speaks_json(tmp_path: Path) -> None:
    path = shapes.write_llama(tmp_path / "m-Q8_0.gguf", shapes.Type.Q8_0)
    result = CliRunner().invoke(cli, ["tune", str(path), "-c", "512", "--json"])
    assert json.loads(result.stdout)["weights"][0]["contexts"][0]["n_ctx_seq"] == 512


def test_what_is_not_there_is_one_plain_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["tune", str(tmp_path)])
    assert "no GGUF of it" in str(result.exception)

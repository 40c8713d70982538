"""`lsrv quantize` of a folder as transformers writes it, and `lsrv serve` of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from lsrv.frontdoor import read_header
from tests.frontdoor.making.convert.agreement import write_source
from tests.frontdoor.making.convert.cases import CASES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "own"))
    return write_source(next(case for case in CASES if case.name == "qwen3"), tmp_path / "model", "BF16")


def test_a_folder_of_safetensors_is_quantized_into_the_cache_and_only_once(folder: Path) -> None:
    first, again = (CliRunner().invoke(cli, ["quantize", str(folder), "--quant", "8"]) for _ in range(2))
    assert first.exit_code == 0, first.output
    path = Path(first.stdout.strip())
    assert (path.name, read_header(path).quantization) == ("model-Q8_0.gguf", "Q8_0")
    assert again.stdout == first.stdout


def test_a_folder_of_safetensors_is_quantized_where_one_says(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "small.gguf"
    result = CliRunner().invoke(cli, ["quantize", str(folder), "--quant", "8", "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert read_header(output).quantization == "Q8_0"
    wrong = CliRunner().invoke(cli, ["quantize", str(folder), "--quant", "4.5", "-o", str(tmp_path / "no.gguf")])
    assert (wrong.exit_code, (tmp_path / "no.gguf").exists()) == (1, False)

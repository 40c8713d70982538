"""`lsrv quantize`, `list` and `rm` as a user types them, on real files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lsrv.cli import cli
from lsrv.errors import LsrvError
from tests.conftest import wait_until
from tests.frontdoor.making.quantize.random_model import write_imatrix, write_random_model
from tests.models import STORIES


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in a folder of its own, and an empty cache."""
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "models" / "stories260K-F32.gguf"
    path.parent.mkdir()
    shutil.copy(STORIES, path)
    return path


def lsrv(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def listed() -> list[dict[str, object]]:
    return json.loads(lsrv("list", "--json").stdout)["made"]


def test_what_is_quantized_is_listed_and_can_be_removed(source: Path) -> None:
    path = Path(lsrv("quantize", source, "--quant", "8").stdout.strip())
    assert path.name == "stories260K-Q8_0.gguf"
    (made,) = listed()
    assert made["path"] == str(path)
    assert made["quantization"] == "Q8_0"
    assert made["origin"] == f"file {source}"
    assert made["size_bytes"] == path.stat().st_size
    assert str(made["key"]) in lsrv("list").stdout
    assert "stories260K-Q8_0.gguf: " in lsrv("rm", str(made["key"])[:6]).stdout
    assert listed() == []
    assert not path.exists()
    assert source.exists()


def test_the_same_again_is_there_already(source: Path) -> None:
    first = lsrv("quantize", source, "--quant", "8")
    again = lsrv("quantize", source, "--quant", "Q8_0")
    assert again.stdout == first.stdout
    assert "quantize Q8_0 of" in first.stderr
    assert "quantize Q8_0 of" not in again.stderr


def test_an_output_is_written_where_it_is_wanted_and_not_kept(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "small.gguf"
    assert lsrv("quantize", source, "-o", target, "--quant", "8", "--threads", 1).stdout == f"{target}\n"
    assert target.stat().st_size < source.stat().st_size / 2
    assert listed() == []


def test_what_could_not_be_as_asked_is_said(source: Path) -> None:
    assert "could not be, as rows don't divide by 256" in lsrv("quantize", source).stderr
    assert "Q4_K_M (" in lsrv("list").stdout


def test_an_importance_matrix_beside_the_source_is_used_and_said(tmp_path: Path, source: Path) -> None:
    model = write_random_model(tmp_path / "random" / "random-F32.gguf")
    imatrix = write_imatrix(tmp_path / "random" / "imatrix.gguf")
    assert str(imatrix) in lsrv("quantize", model, "--quant", "Q2_K_S").stderr


def test_found_weights_are_shown_beside_the_made_ones(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLAMA_CACHE", raising=False)
    path = source.parents[1] / ".lmstudio" / "models" / "a" / "b" / "model.gguf"
    path.parent.mkdir(parents=True)
    shutil.copy(STORIES, path)
    found = json.loads(lsrv("list", "--found", "--json").stdout)["found"]
    assert {"model_id": "a/b", "program": "LM Studio", "path": str(path)}.items() <= found[0].items()
    assert str(path) in lsrv("list", "--found").stdout


def test_files_of_others_are_never_removed(source: Path) -> None:
    result = CliRunner().invoke(cli, ["rm", str(source)])
    assert isinstance(result.exception, LsrvError)
    assert source.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_stop_ends_with_1_and_leaves_nothing(source: Path, tmp_path: Path, number: signal.Signals) -> None:
    model = write_random_model(tmp_path / "random-F32.gguf", n_layers=3)
    target = tmp_path / "out" / "small.gguf"
    arguments = ["quantize", str(model), "-o", str(target), "--quant", "IQ3_S", "--threads", "1"]
    code = "from lsrv.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)
    partial = target.with_name(".small.gguf.part")
    wait_until(lambda: partial.exists() and partial.stat().st_size > 0)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "given up" in errors and "Traceback" not in errors
    assert list(target.parent.iterdir()) == []

"""`lsrv show` on real files, in a folder of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lsrv.cli import cli
from lsrv.demo import MODELS
from lsrv.errors import LsrvError, ModelNotFoundError
from tests.models import STORIES


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def show(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["show", *arguments])


def test_a_file_says_what_it_is(folder: Path) -> None:
    shutil.copy(STORIES, folder / "a.gguf")
    lines = dict(line.split(maxsplit=1) for line in show("a.gguf").stdout.splitlines() if not line.startswith(" "))
    assert lines["model"] == "stories260K"
    assert lines["licence"] == "mit"
    assert lines["architecture"] == "llama, 292,800 parameters, 5 layers"
    assert lines["context"].startswith("2048 tokens")
    assert lines["capabilities"] == "completion"


def test_programs_get_all_of_it(folder: Path) -> None:
    card = json.loads(show(str(MODELS["lsrv-demo"]), "--json").stdout)
    assert card["capabilities"] == ["completion", "chat", "tools"]
    assert (card["architecture"], card["n_layers"], card["n_ctx_train"]) == ("qwen3", 6, 1024)
    assert card["size_bytes"] == Path(card["path"]).stat().st_size
    assert show(card["path"], "--template").stdout == card["chat_template"] + "\n"


def test_a_name_of_the_config_in_this_folder_is_known_though_its_file_has_to_be_made_yet(folder: Path) -> None:
    (folder / "models.toml").write_text(
        '[[models]]\nmodel_id = "lsrv-demo"\nalias = "mine"\nquantization = { isq = "4" }\n'
    )
    assert "qwen3" in show("mine").stdout


def test_what_is_not_here_says_how_to_get_it(folder: Path) -> None:
    result = show("owner/name")
    assert isinstance(result.exception, ModelNotFoundError)
    assert "`lsrv pull owner/name`" in result.exception.message


def test_a_model_without_a_template_has_none_to_print(folder: Path) -> None:
    result = show(str(STORIES), "--template")
    assert isinstance(result.exception, LsrvError)
    assert result.stdout == ""

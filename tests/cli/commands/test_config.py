"""`lsrv config init` and `import` in a home of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from huggingface_hub import constants

from lsrv.cli import cli
from lsrv.cli.machine.proposals import KNOWN, alias_of, ranked
from lsrv.config import load_settings
from lsrv.demo import MODELS
from lsrv.errors import ConfigError
from lsrv.frontdoor.finding import other_programs
from tests.models import STORIES

GIB = 1 << 30


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing in it, of a user who has nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(other_programs, "OLLAMA_SERVICE", tmp_path / "service")
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def lm_studio(tmp_path: Path) -> Path:
    """Two models that write and one that embeds, as LM Studio has them, and settings of one."""
    models = tmp_path / ".lmstudio" / "models" / "pub"
    for name, source in (("demo", MODELS["lsrv-demo"]), ("stories", STORIES), ("embed", MODELS["lsrv-demo-embed"])):
        (models / f"{name}-GGUF").mkdir(parents=True)
        shutil.copy(source, models / f"{name}-GGUF" / f"{name}.gguf")
    settings = tmp_path / ".lmstudio/.internal/user-concrete-model-default-config/pub/demo-GGUF/demo.gguf.json"
    settings.parent.mkdir(parents=True)
    fields = [{"key": "llm.load.contextLength", "value": 512}, {"key": "llm.load.strange", "value": 2}]
    ticked = [{"key": "llm.prediction.topKSampling", "value": {"checked": False, "value": 7}}]
    settings.write_text(json.dumps({"load": {"fields": fields}, "operation": {"fields": ticked}}))
    return models


def config(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["config", *arguments])


def test_a_first_config_has_what_is_on_this_disk_with_exact_plans(folder: Path, lm_studio: Path) -> None:
    result = config("init", "--yes", "--offline")
    assert result.exit_code == 0, result.output
    loaded = load_settings(folder / "models.toml", environ={})
    assert [model.listed_id for model in loaded.settings.models] == ["demo", "stories", "embed"]
    assert [model.kind for model in loaded.settings.models] == ["auto", "auto", "embedding"]
    assert loaded.warnings == []
    assert "MiB of RAM with 1024 tokens for each of 4 slots." in (folder / "models.toml").read_text()
    assert "takes " in result.stderr


def test_a_config_that_is_there_is_not_written_over(folder: Path) -> None:
    (folder / "models.toml").write_text("mine")
    for command in (["init", "--yes"], ["import", "lmstudio"]):
        assert isinstance(config(*command).exception, ConfigError)
    assert (folder / "models.toml").read_text() == "mine"


def test_who_can_not_be_asked_must_say_yes() -> None:
    result = config("init")
    assert (result.exit_code, "--yes" in result.output) == (2, True)


def test_with_nothing_on_the_disk_it_says_what_to_do() -> None:
    result = config("init", "--yes", "--offline")
    assert isinstance(result.exception, ConfigError)
    assert "`lsrv pull OWNER/NAME`" in result.exception.message


def test_models_of_lm_studio_are_taken_over_with_their_settings(folder: Path, lm_studio: Path) -> None:
    result = config("import", "lmstudio")
    assert result.exit_code == 0, result.output
    models = {model.listed_id: model for model in load_settings(folder / "models.toml", environ={}).settings.models}
    assert models.keys() == {"demo", "stories", "embed"}
    assert models["demo"].context.context_length == 512
    assert models["demo"].defaults.top_k is None  # it was not ticked
    assert "llm.load.strange" in result.stderr


def test_an_import_goes_to_stdout_if_wished(folder: Path) -> None:
    (folder / "Modelfile").write_text("FROM a.gguf\n")
    assert 'model_id = "a.gguf"' in config("import", "Modelfile", "-o", "-").stdout
    assert not (folder / "models.toml").exists()


@pytest.mark.parametrize(
    ("memory_gib", "largest"), [(64, "Qwen/Qwen3-30B-A3B-Instruct-2507"), (8, "Qwen/Qwen3-8B"), (1, "Qwen/Qwen3-0.6B")]
)
def test_the_largest_that_can_fit_is_looked_at_first(memory_gib: int, largest: str) -> None:
    assert next(iter(ranked("largest", KNOWN, memory_gib * GIB, []))).model_id == largest


def test_names_are_what_people_would_type() -> None:
    assert alias_of("Qwen/Qwen3-4B-GGUF") == "qwen3-4b"
    assert alias_of("llama3.2:latest") == "llama3.2"
    assert alias_of("/models/pub/Gemma-3.gguf") == "gemma-3"

"""`lsrv rm` of downloads: asks, deletes all of a repository or one file, and touches nothing of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from huggingface_hub import constants

from lsrv.cli import cli
from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding import other_programs
from tests.frontdoor.gguf.gguf_file import write_model

Q4, Q8 = 15, 7  # llama_ftype


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two files in the Hub cache; one of them is in two revisions."""
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(other_programs, "OLLAMA_SERVICE", tmp_path / "service")
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    repo = tmp_path / "hub" / "models--owner--name-GGUF"
    for commit, names in (("aaa", ["name-Q4_K_M.gguf"]), ("bbb", ["name-Q4_K_M.gguf", "name-Q8_0.gguf"])):
        snapshot = repo / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for name in names:
            (snapshot / name).symlink_to(write_model(repo / "blobs" / name, Q4 if "Q4" in name else Q8))
    return repo


def rm(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["rm", *arguments])


def test_a_download_is_not_deleted_without_consent(repo: Path) -> None:
    result = rm("owner/name-GGUF")
    assert (result.exit_code, "--yes" in result.output) == (2, True)
    assert repo.is_dir()


def test_a_whole_repository_goes_with_all_its_revisions(repo: Path) -> None:
    n_bytes = sum(blob.stat().st_size for blob in (repo / "blobs").iterdir())
    assert json.loads(rm("owner/name-GGUF", "--yes", "--json").stdout) == {"freed_bytes": {"owner/name-GGUF": n_bytes}}
    assert not repo.exists()


def test_one_file_of_it_goes_and_the_others_stay(repo: Path) -> None:
    assert rm("owner/name-GGUF/name-Q4_K_M.gguf", "--yes").exit_code == 0
    assert {path.name for path in repo.rglob("*.gguf")} == {"name-Q8_0.gguf"}
    assert (repo / "snapshots" / "bbb" / "name-Q8_0.gguf").is_file()


def test_what_another_program_has_is_left_to_it(repo: Path, tmp_path: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    blob = write_model(models / "blobs" / f"sha256-{'1' * 64}", Q4)
    manifest = models / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "latest"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{'1' * 64}"}
    manifest.write_text(json.dumps({"layers": [layer]}))
    result = rm("tiny", "--yes")
    assert isinstance(result.exception, WeightsNotFoundError)
    assert "`ollama rm tiny`" in result.exception.message
    assert blob.is_file()


def test_one_name_that_means_nothing_keeps_all(repo: Path) -> None:
    assert rm("owner/name-GGUF", "no/such", "--yes").exit_code != 0
    assert repo.is_dir()


@pytest.mark.parametrize("name", ["owner/..", "owner/name-GGUF/../../..", "../hub", "owner/name-GGUF/"])
def test_no_name_leads_out_of_the_cache(repo: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "kept").write_text("mine")
    rm(name, "--yes")
    assert (tmp_path / "kept").is_file()
    assert repo.is_dir()

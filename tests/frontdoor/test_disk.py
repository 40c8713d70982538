"""A disk that refuses: one clear error for the entry that needs it, and none for the others."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from lsrv.config import ModelSettings, Settings
from lsrv.errors import BuildCancelledError, BuildError, LsrvError
from lsrv.frontdoor import FrontDoor, Weights, WeightsSpec
from lsrv.frontdoor.hub import Hub, find_token
from lsrv.frontdoor.progress import Cancel
from lsrv.home import below_home
from lsrv.quantization import AUTO, parse_quant
from lsrv.registry import finding
from tests.frontdoor.gguf.gguf_file import write_model
from tests.models import STORIES

NOBODY = 65534
Q4_K_M = 15


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder of a user whom permissions bind: tests may run as root, who may do everything."""
    folder = Path(tempfile.mkdtemp(prefix="lsrv-disk-"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LSRV_CACHE", str(folder / "own"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    find_token("cache")  # what is imported when it is needed may lie where that user can't read
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        for path in folder.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)


def closed(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0)
    return folder


def door() -> FrontDoor:
    return FrontDoor(Hub(None, offline=True), choose_auto=lambda offers: (offers[0], "it fits"))


def entry(model_id: str, **quantization: str) -> ModelSettings:
    return ModelSettings.model_validate({"model_id": model_id, "quantization": quantization})


@pytest.mark.parametrize("quant", [None, AUTO, parse_quant("4")])
def test_a_closed_folder_is_told_by_its_name(home: Path, quant: object) -> None:
    closed(home / "models")
    for model_id in ("models", str(home / "models"), "models/m.gguf"):
        with pytest.raises(BuildError, match=r"models.*can't be read \(Permission denied\)"):
            door().prepare(WeightsSpec(model_id=model_id, quant=quant))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["hub", "own", ".ollama", ".lmstudio", ".cache/llama.cpp", ".lmstudio-home-pointer"])
@pytest.mark.parametrize("kind", ["closed", "a file", "a loop"])
def test_what_is_wrong_elsewhere_does_not_touch_an_entry_that_is_here(home: Path, name: str, kind: str) -> None:
    path = write_model(home / "m-Q4_K_M.gguf", Q4_K_M)
    (home / name).parent.mkdir(exist_ok=True)
    if kind == "closed":
        closed(home / name)
    elif kind == "a file":
        (home / name).write_bytes(b"\xff\x00")
    else:
        (home / name).symlink_to(home / name)
    for quant in (None, AUTO, parse_quant("4")):
        assert door().prepare(WeightsSpec(model_id="m-Q4_K_M.gguf", quant=quant)).path.samefile(path)
    with pytest.raises(LsrvError, match="own/m"):
        door().prepare(WeightsSpec(model_id="own/m"))


def test_a_closed_hub_cache_is_why_a_repository_is_not_found(home: Path) -> None:
    closed(home / "hub" / "models--own--m")
    with pytest.raises(BuildError, match=r"own/m@main in the cache: can't be read \(Permission denied\)"):
        door().prepare(WeightsSpec(model_id="own/m"))


@pytest.mark.parametrize("name", ["own", "own/locks", "own/weights"])
def test_a_cache_that_can_not_be_written_is_told_when_something_is_made(home: Path, name: str) -> None:
    shutil.copy(STORIES, home / "m.gguf")
    closed(home / name)
    with pytest.raises(BuildError, match=r"own.*Permission denied"):
        door().prepare(WeightsSpec(model_id="m.gguf", isq=parse_quant("8")))


def test_a_lock_of_somebody_else_is_told_by_its_name(home: Path) -> None:
    shutil.copy(STORIES, home / "m.gguf")
    given_up = Cancel()
    given_up.set()
    with pytest.raises(BuildCancelledError):
        door().prepare(WeightsSpec(model_id="m.gguf", isq=parse_quant("8")), cancel=given_up)
    for lock in (home / "own" / "locks").iterdir():
        lock.chmod(0)
    with pytest.raises(BuildError, match=r"\.lock: Permission denied"):
        door().prepare(WeightsSpec(model_id="m.gguf", isq=parse_quant("8")))


def test_a_name_longer_than_any_file_has_is_no_file(home: Path) -> None:
    with pytest.raises(BuildError, match="there is no"):
        door().prepare(WeightsSpec(model_id="a" * 300))


def test_a_matrix_that_is_gone_is_told(home: Path) -> None:
    shutil.copy(STORIES, home / "m.gguf")
    spec = WeightsSpec(model_id="m.gguf", isq=parse_quant("8"), imatrix=home / "gone.dat")
    for ask in (door().look, door().prepare):
        with pytest.raises(BuildError, match=r"gone\.dat: No such file"):
            ask(spec)


def test_looking_at_an_entry_never_raises(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(home / "m.gguf", Q4_K_M)
    assert isinstance(finding(Settings(), entry(str(path))), Weights)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    closed(home / "models")
    found = finding(Settings(), entry(str(home / "models")))
    assert isinstance(found, BuildError)
    assert "Permission denied" in found.message


def test_a_default_place_is_never_a_folder_called_tilde() -> None:
    assert below_home(Path("~/.cache/lsrv")) == Path("/nonexistent/.cache/lsrv")
    assert below_home(Path("/home/me/.cache")) == Path("/home/me/.cache")

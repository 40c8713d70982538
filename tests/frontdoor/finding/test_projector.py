"""Which projector goes with which weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding.checked import open_weights
from lsrv.frontdoor.finding.choice import Candidate, Choice
from lsrv.frontdoor.finding.projector import choose_projector_beside
from tests.models import STORIES


def chosen(folder: Path, weights: str, named: str | None = None, *, is_needed: bool = False) -> str | None:
    (folder / weights).write_bytes(STORIES.read_bytes())
    found = open_weights(folder, Choice(Candidate((weights,)), "the test"), "a folder")
    path = choose_projector_beside(found, folder, named, is_needed=is_needed)
    return None if path is None else path.name


def lay(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"GGUF")


def test_the_one_beside_the_only_model_is_its_own_whatever_it_is_called(tmp_path: Path) -> None:
    lay(tmp_path, "mmproj-model-f16.gguf", "mmproj-BF16.gguf")
    assert chosen(tmp_path, "gemma-3-4b-it-Q4_K_M.gguf") == "mmproj-BF16.gguf"


def test_in_a_folder_of_many_only_the_one_of_its_name_is_taken(tmp_path: Path) -> None:
    lay(tmp_path, "mmproj-F16.gguf", "gemma-3-4b-it-mmproj-F16.gguf", "other-Q4_K_M.gguf")
    assert chosen(tmp_path, "gemma-3-4b-it-Q4_K_M.gguf") == "gemma-3-4b-it-mmproj-F16.gguf"
    assert chosen(tmp_path, "third-Q8_0.gguf") is None


def test_a_named_one_is_a_path_or_lies_beside(tmp_path: Path) -> None:
    lay(tmp_path, "eyes.gguf")
    assert chosen(tmp_path, "m.gguf", "eyes.gguf") == "eyes.gguf"
    with pytest.raises(WeightsNotFoundError, match=r"format\.mmproj"):
        chosen(tmp_path, "m.gguf", "gone.gguf")


def test_where_it_is_needed_and_missing_the_entry_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match="no projector lies beside it"):
        chosen(tmp_path, "m.gguf", is_needed=True)

"""What of a folder is a model to serve."""

from __future__ import annotations

from pathlib import Path

from lsrv.frontdoor.finding.disk_search import DiskSearch
from tests.frontdoor.gguf.gguf_file import gguf, string, write_model, write_shards


def _names(folder: Path) -> list[str]:
    return [each.path.name for each in DiskSearch().look([folder], in_programs=False)]


def test_models_below_a_folder_are_found_once_each_and_split_ones_as_one(tmp_path: Path) -> None:
    one = write_model(tmp_path / "a" / "b" / "one.gguf")
    (tmp_path / "link.gguf").symlink_to(one)
    write_shards(tmp_path / "split", "big", 3)
    write_shards(tmp_path / "half", "cut", 3, missing=(2,))
    found = DiskSearch().look([tmp_path], in_programs=False)
    assert [(each.model_id, len(each.shards)) for each in found] == [("link", 1), ("big", 3)]


def test_what_lies_beside_models_and_is_none_is_left_out(tmp_path: Path) -> None:
    write_model(tmp_path / "model.gguf")
    write_model(tmp_path / "mmproj-model-f16.gguf")
    write_model(tmp_path / "model-imatrix.gguf")
    (tmp_path / "style.gguf").write_bytes(gguf([string("general.type", "adapter")]))
    (tmp_path / "half.gguf").write_bytes((tmp_path / "model.gguf").read_bytes()[:-8])
    (tmp_path / "notes.gguf").write_text("no model")
    write_model(tmp_path / ".hidden" / "old.gguf")
    assert _names(tmp_path) == ["model.gguf"]


def test_a_file_that_is_still_being_copied_is_found_once_it_is_whole(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "elsewhere.txt").read_bytes()
    growing, search = tmp_path / "growing.gguf", DiskSearch()
    growing.write_bytes(whole[: len(whole) // 2])
    assert search.look([tmp_path], in_programs=False) == []
    growing.write_bytes(whole)
    assert [each.path for each in search.look([tmp_path], in_programs=False)] == [growing]
    growing.unlink()
    assert search.look([tmp_path], in_programs=False) == []


def test_a_folder_that_is_missing_holds_nothing(tmp_path: Path) -> None:
    assert _names(tmp_path / "nowhere") == []

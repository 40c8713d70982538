"""The whole step in its child process: a whole file or none, and errors that name what is missing."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path

import pytest

from lsrv.errors import BuildCancelledError, ConvertError
from lsrv.frontdoor import read_header
from lsrv.frontdoor.making.convert import convert
from lsrv.frontdoor.progress import BuildProgress, Cancel
from tests.frontdoor.making.convert.agreement import converted, write_source
from tests.frontdoor.making.convert.cases import BY_NAME
from tests.frontdoor.making.convert.weights import Shapes, write_checkpoint


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))


def test_a_folder_becomes_one_gguf_with_its_name_and_progress(tmp_path: Path) -> None:
    seen: list[BuildProgress] = []
    source = write_source(BY_NAME["qwen3"], tmp_path / "source", "BF16")
    path = convert(source, tmp_path / "out" / "a.gguf", name="Own Model", on_progress=seen.append)
    header = read_header(path)
    assert (header.arch, header.name, header.quantization) == ("qwen3", "Own Model", "BF16")
    assert [each.name for each in path.parent.iterdir()] == ["a.gguf"]
    assert seen[-1].n_bytes == seen[-1].n_bytes_total > 0
    assert {(each.stage, each.what) for each in seen} == {("convert", "Own Model")}


def test_a_failed_conversion_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    source = write_source(BY_NAME["qwen3"], tmp_path / "source")
    (source / "tokenizer.json").write_text('{"model": {"type": "WordLevel", "vocab": {}}}')
    target = tmp_path / "out" / "a.gguf"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(ConvertError, match=r"tokenizer\.json: can't be used"):
        convert(source, target)
    assert target.read_bytes() == b"old"
    assert [each.name for each in target.parent.iterdir()] == ["a.gguf"]


def test_cancelling_stops_the_child_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_source(BY_NAME["qwen3"], tmp_path / "source")
    cancel = Cancel()
    cancel.set()
    with pytest.raises(BuildCancelledError):
        convert(source, tmp_path / "out" / "a.gguf", cancel=cancel)
    assert not list(tmp_path.glob("out/*"))


def test_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    source = write_source(BY_NAME["qwen3"], tmp_path / "source")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoConfig": "gguf.Evil"}}))
    for name in ("gguf.py", "numpy.py", "sitecustomize.py", "modeling.py"):
        (source / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    here = Path.cwd()
    os.chdir(source)
    try:
        convert(source, tmp_path / "a.gguf")
    finally:
        os.chdir(here)
    assert not (tmp_path / "ran").exists()


def _without(source: Path, case: str, name: str) -> Path:
    shapes: Shapes = json.loads((BY_NAME[case].folder / "shapes.json").read_text())
    shapes.pop(name)
    write_checkpoint(source, shapes)
    return source


@pytest.mark.parametrize(
    ("case", "name", "message"),
    [
        ("qwen3", "model.layers.1.self_attn.q_norm.weight", r"becomes blk\.1\.attn_q_norm\.weight; fetch"),
        ("qwen3", "model.embed_tokens.weight", r"becomes token_embd\.weight; fetch"),
        ("qwen3_moe", "model.layers.0.mlp.experts.3.up_proj.weight", "5 of 6 experts"),
    ],
)
def test_a_missing_tensor_is_named(case: str, name: str, message: str, tmp_path: Path) -> None:
    source = _without(write_source(BY_NAME[case], tmp_path / "source"), case, name)
    with pytest.raises(ConvertError, match=message):
        converted(source, tmp_path / "a.gguf")


def test_a_tensor_of_no_known_use_stops_the_conversion(tmp_path: Path) -> None:
    source = write_source(BY_NAME["qwen3"], tmp_path / "source")
    shapes: Shapes = json.loads((BY_NAME["qwen3"].folder / "shapes.json").read_text())
    write_checkpoint(source, shapes | {"model.layers.0.memory.gate.weight": [4, 64]})
    with pytest.raises(ConvertError, match=r"model\.layers\.0\.memory\.gate\.weight: not in llama\.cpp's qwen3"):
        converted(source, tmp_path / "a.gguf")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", ["[1]", "{", "[" * 50_000, '{"a": "\\ud800"}'])
def test_damaged_json_is_an_error_that_names_the_file(name: str, content: str, tmp_path: Path) -> None:
    source = write_source(BY_NAME["qwen3"], tmp_path / "source")
    (source / name).write_text(content)
    with pytest.raises(ConvertError, match=f"{name}|architecture"):
        converted(source, tmp_path / "a.gguf")


def test_a_full_disk_is_refused_with_both_numbers_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_source(BY_NAME["qwen3"], tmp_path / "source")
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)

    def nearly_full(_: Path) -> object:
        return usage

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    with pytest.raises(ConvertError, match=r"needs [0-9,]+ bytes, and 1,000 are free"):
        converted(source, tmp_path / "a.gguf")
    assert not (tmp_path / "a.gguf").exists()


def test_a_write_that_fails_says_so(tmp_path: Path) -> None:
    source = write_source(BY_NAME["qwen3"], tmp_path / "source")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(ConvertError, match="File too large"):
            converted(source, tmp_path / "a.gguf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

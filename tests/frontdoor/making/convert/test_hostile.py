"""Whatever a stranger's files say: a conversion, or one error that names file and tensor; never an endless one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert import check_convertible, read_config, require_sane
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.hyperparameters import hyperparameters
from lsrv.frontdoor.making.convert.source_files import is_weights
from tests.frontdoor.making.convert.agreement import converted, write_source
from tests.frontdoor.making.convert.cases import BY_NAME, CASES, Case
from tests.frontdoor.making.convert.weights import Shapes, write_checkpoint

MIB = 1024 * 1024
FILES = ["config.json", "model.safetensors", "tokenizer.json"]
ONE_OF_EACH = [case for case in CASES if "-" not in case.name]


def _shapes(case: Case) -> Shapes:
    return json.loads((case.folder / "shapes.json").read_text())


def _config(case: Case) -> dict[str, Any]:
    return json.loads((case.folder / "config.json").read_text())


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_a_tensor_that_is_missing_in_every_layer_is_named(case: Case, tmp_path: Path) -> None:
    source, shapes = write_source(case, tmp_path / "source"), _shapes(case)
    for kind in {name.rpartition(".0.")[2] for name in shapes if ".0." in name}:
        write_checkpoint(source, {name: shape for name, shape in shapes.items() if not name.endswith(kind)})
        with pytest.raises(ConvertError, match=r"files becomes blk\.0\..* and \d+ more|of 6 experts"):
            converted(source, tmp_path / "a.gguf")


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_a_tensor_of_another_shape_is_named_with_its_file(case: Case, tmp_path: Path) -> None:
    source, shapes = write_source(case, tmp_path / "source"), _shapes(case)
    first = [name for name in shapes if ".0." in name or "layer" not in name]
    for name in (name for name in first if not name.startswith(("lm_head", "pooler"))):
        odd = shapes | {name: [*shapes[name][:-1], shapes[name][-1] + 2]}
        write_checkpoint(source, odd)
        with pytest.raises(ConvertError, match=r"model\.safetensors|experts differ|rows are no whole heads") as caught:
            converted(source, tmp_path / "a.gguf")
        assert name in caught.value.message or "experts" in caught.value.message


@pytest.mark.parametrize("name", ["llama", "qwen3_moe", "olmo2", "qwen2_moe"])
def test_a_checkpoint_without_the_output_it_does_not_tie_is_refused(name: str, tmp_path: Path) -> None:
    case = BY_NAME[name]
    source, shapes = write_source(case, tmp_path / "source"), _shapes(case)
    config = _config(case)
    assert not config.get("tie_word_embeddings")
    write_checkpoint(source, {name: shape for name, shape in shapes.items() if name != "lm_head.weight"})
    with pytest.raises(ConvertError, match=r"lm_head\.weight, and config\.json does not tie it"):
        converted(source, tmp_path / "a.gguf")
    (source / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    converted(source, tmp_path / "a.gguf")


def test_a_bare_model_needs_no_output(tmp_path: Path) -> None:
    case = BY_NAME["llama"]
    source = write_source(case, tmp_path / "source")
    (source / "config.json").write_text(json.dumps(_config(case) | {"architectures": ["LlamaModel"]}))
    write_checkpoint(source, {name: shape for name, shape in _shapes(case).items() if name != "lm_head.weight"})
    converted(source, tmp_path / "a.gguf")


def test_a_shard_whose_name_counts_more_than_there_are_misses_the_others_without_any_index(tmp_path: Path) -> None:
    source = write_source(BY_NAME["llama"], tmp_path / "source", n_files=3)
    (source / "model.safetensors.index.json").unlink()
    (source / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(ConvertError, match=r"model-00002-of-00003\.safetensors is missing, of 3 parts"):
        converted(source, tmp_path / "a.gguf")


_WILD: list[Any] = [
    0,
    -1,
    1,
    7,
    2**31 - 1,
    2**31,
    10**30,
    10**400,
    -(10**400),
    0.5,
    1e308,
    True,
    "x",
    [],
    [1],
    {},
    None,
]


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_any_number_in_a_config_is_taken_or_refused_at_once(case: Case) -> None:
    config = _config(case)
    places = [(key,) for key in config if key != "architectures"]
    places += [("rope_scaling", key) for key in ("factor", "rope_type", "original_max_position_embeddings")]
    for place in places:
        for wild in _WILD:
            changed: dict[str, Any] = json.loads(json.dumps(config))
            inner: dict[str, Any] = changed
            for key in place[:-1]:
                inner = changed[key] = changed.get(key) or {"rope_type": "yarn"}
            inner[place[-1]] = wild
            try:
                architecture = check_convertible(changed, FILES)
                hyperparameters(architecture, Config(changed, architecture.defaults))
            except ConvertError as error:
                assert len(error.message) < 1000, place


@pytest.mark.parametrize("name", ["llama", "smollm3", "gemma3", "bert"])
def test_two_billion_layers_are_refused_before_anything_counts_them(name: str, tmp_path: Path) -> None:
    case = BY_NAME[name]
    source = write_source(case, tmp_path / "source")
    changes = {"num_hidden_layers": 2**31 - 1, "no_rope_layers": None}
    (source / "config.json").write_text(json.dumps(_config(case) | changes))
    with pytest.raises(ConvertError, match=r"num_hidden_layers = 2147483647 is no number from 1 to 512"):
        converted(source, tmp_path / "a.gguf")


def test_a_config_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # of holes
    with pytest.raises(ConvertError, match=r"config\.json: longer than the 4\.0 MiB"):
        read_config(path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name: str, tmp_path: Path) -> None:
    source = write_source(BY_NAME["llama"], tmp_path / "source")
    (source / name).unlink(missing_ok=True)
    os.mkfifo(source / name)
    if name in ("config.json", "tokenizer.json"):
        with pytest.raises(ConvertError, match=f"{name}: there is no such file"):
            converted(source, tmp_path / "a.gguf")
    else:
        converted(source, tmp_path / "a.gguf")


def test_a_repository_whose_config_or_tokenizer_is_too_long_is_not_fetched() -> None:
    assert is_weights("model.safetensors")
    require_sane({"config.json": 1000, "tokenizer.json": 35 * MIB, "model.safetensors": 2**40, "other.bin": 2**40})
    for name in ("config.json", "tokenizer.json", "model.safetensors.index.json"):
        with pytest.raises(ConvertError, match=rf"its {name} has 1\.0 GiB"):
            require_sane({name: 2**30})

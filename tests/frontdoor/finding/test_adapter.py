"""From an adapter's source to its file: paths, folders, the Hugging Face cache."""

from pathlib import Path

import pytest

from lsrv.errors import CorruptWeightsError, WeightsNotFoundError
from lsrv.frontdoor import find_adapter
from tests.frontdoor.gguf.gguf_file import gguf, string

ADAPTER = string("general.type", "adapter")


def _write(path: Path, arch: str = "llama") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf([ADAPTER], arch=arch))
    return path


def _snapshot(cache: Path) -> Path:
    repo = cache / "models--owner--pirate"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("c0ffee")
    return repo / "snapshots" / "c0ffee"


def test_a_relative_path_starts_at_the_given_folder(tmp_path):
    path = _write(tmp_path / "sub/p.gguf")
    assert find_adapter("sub/p.gguf", "llama", folder=tmp_path) == path


def test_a_folder_means_the_one_adapter_in_it(tmp_path):
    path = _write(tmp_path / "p.gguf")
    (tmp_path / "model.gguf").write_bytes(gguf())
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    assert find_adapter(str(tmp_path), "llama") == path


def test_several_adapters_in_a_folder_are_named(tmp_path):
    _write(tmp_path / "p.gguf")
    _write(tmp_path / "q.gguf")
    with pytest.raises(WeightsNotFoundError, match=r"several adapters \(p.gguf, q.gguf\); name one"):
        find_adapter(str(tmp_path), "llama")


def test_a_folder_of_safetensors_says_how_to_convert(tmp_path):
    (tmp_path / "adapter_model.safetensors").touch()
    with pytest.raises(WeightsNotFoundError, match=r"convert_lora_to_gguf\.py"):
        find_adapter(str(tmp_path), "llama")


@pytest.mark.parametrize("source", ["owner/pirate", "owner/pirate/p.gguf"])
def test_a_hub_id_is_found_in_the_cache(tmp_path, source):
    path = _write(_snapshot(tmp_path) / "p.gguf")
    assert find_adapter(source, "llama", folder=tmp_path / "elsewhere", hub_cache=tmp_path) == path


@pytest.mark.parametrize("source", ["owner/pirate/q.gguf", "owner/pirate/../../../../secret.gguf"])
def test_a_file_that_the_repository_lacks_is_told(tmp_path, source):
    _write(_snapshot(tmp_path) / "p.gguf")
    _write(tmp_path / "secret.gguf")
    with pytest.raises(WeightsNotFoundError, match="owner/pirate@main has no"):
        find_adapter(source, "llama", folder=tmp_path / "elsewhere", hub_cache=tmp_path)


def test_what_is_nowhere_says_how_to_get_it(tmp_path):
    with pytest.raises(WeightsNotFoundError, match="run `hf download owner/pirate --revision v2`"):
        find_adapter("owner/pirate", "llama", revision="v2", folder=tmp_path, hub_cache=tmp_path)
    with pytest.raises(WeightsNotFoundError, match=r"no.gguf, and it is no Hub id"):
        find_adapter("no.gguf", "llama", folder=tmp_path, hub_cache=tmp_path)


def test_a_model_is_no_adapter(tmp_path):
    (tmp_path / "m.gguf").write_bytes(gguf())
    with pytest.raises(CorruptWeightsError, match=r'm.gguf: says it is of type "model"'):
        find_adapter("m.gguf", "llama", folder=tmp_path)


def test_an_adapter_of_another_architecture_is_named(tmp_path):
    _write(tmp_path / "p.gguf", arch="qwen3")
    with pytest.raises(CorruptWeightsError, match=r"p.gguf: is an adapter for qwen3 models, and this one is llama"):
        find_adapter("p.gguf", "llama", folder=tmp_path)

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from lsrv.frontdoor.finding import other_programs
from lsrv.frontdoor.finding.other_programs import FoundWeights, find_in_programs, find_on_disk
from tests.frontdoor.gguf.gguf_file import gguf, string, write_model, write_shards

Q4, Q8 = 15, 7  # llama_ftype


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with nothing in it, and nothing set that points elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(other_programs, "OLLAMA_SERVICE", tmp_path / "service")
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def found_at(path: Path) -> FoundWeights:
    (weights,) = [each for each in find_on_disk() if each.path == path]
    return weights


def write_manifest(models: Path, name: str, layers: list[tuple[str, str]]) -> None:
    manifest = models / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"mediaType": f"application/vnd.ollama.image.{kind}", "digest": digest} for kind, digest in layers]
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": entries}))


def write_blob(models: Path, digit: str, file_type: int = Q4) -> Path:
    return write_model(models / "blobs" / f"sha256-{digit * 64}", file_type)


def test_an_empty_home_has_none() -> None:
    assert find_on_disk() == []


def test_the_hub_cache_by_repository_and_each_blob_once(home: Path) -> None:
    repo = home / "hub" / "models--owner--name-with--dashes"
    blob = write_model(repo / "blobs" / "abc", Q4)
    for commit in ("aaa", "bbb"):
        snapshot = repo / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "model.gguf").symlink_to(blob)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("bbb")
    (weights,) = find_on_disk()
    assert weights.model_id == "owner/name-with--dashes"
    assert weights.program == "Hugging Face cache"
    assert weights.path == repo / "snapshots" / "bbb" / "model.gguf", "the commit of main comes first"
    assert (weights.quantization, weights.size_bytes) == ("Q4_K_M", blob.stat().st_size)


def test_ollama_by_manifest(home: Path) -> None:
    models = home / ".ollama" / "models"
    blobs = [write_blob(models, digit) for digit in "123"]
    write_manifest(
        models,
        "registry.ollama.ai/library/llama3.2/3b",
        [("template", f"sha256:{'9' * 64}"), ("model", f"sha256:{'1' * 64}")],
    )
    write_manifest(models, "registry.ollama.ai/someone/tuned/latest", [("model", f"sha256:{'2' * 64}")])
    write_manifest(models, "hf.co/bartowski/Qwen-GGUF/Q4_K_M", [("model", f"sha256:{'3' * 64}")])
    names = {each.path: (each.model_id, each.program) for each in find_on_disk()}
    assert names == {
        blobs[0]: ("llama3.2:3b", "Ollama"),
        blobs[1]: ("someone/tuned:latest", "Ollama"),
        blobs[2]: ("hf.co/bartowski/Qwen-GGUF:Q4_K_M", "Ollama"),
    }


@pytest.mark.parametrize(
    "digest", ["sha256:../../../../etc/passwd", f"sha256:{'4' * 64}", f"sha256:{'A' * 64}", "md5:1"]
)
def test_a_manifest_that_names_no_blob_of_its_own_finds_nothing(digest: str, home: Path) -> None:
    write_manifest(home / ".ollama" / "models", "registry.ollama.ai/library/a/b", [("model", digest)])
    assert find_on_disk() == []


@pytest.mark.parametrize("text", ["", "[]", '{"layers": 1}', '{"layers": [{"mediaType": 1, "digest": 2}]}', "\x00\xff"])
def test_a_broken_manifest_is_passed_over(text: str, home: Path) -> None:
    models = home / ".ollama" / "models"
    blob = write_blob(models, "1")
    write_manifest(models, "registry.ollama.ai/library/good/1", [("model", f"sha256:{'1' * 64}")])
    (models / "manifests" / "registry.ollama.ai" / "library" / "good" / "2").write_text(text)
    assert [each.path for each in find_on_disk()] == [blob]


def test_a_name_without_a_tag_is_ollamas_latest(home: Path) -> None:
    models = home / ".ollama" / "models"
    blob = write_blob(models, "1")
    write_manifest(models, "registry.ollama.ai/library/llama3.2/latest", [("model", f"sha256:{'1' * 64}")])
    assert [each.path for each in find_in_programs("llama3.2")] == [blob]
    assert find_in_programs("llama3") == []


def test_ollama_models_names_another_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "elsewhere"))
    blob = write_blob(home / "elsewhere", "1")
    write_manifest(home / "elsewhere", "registry.ollama.ai/library/a/b", [("model", f"sha256:{'1' * 64}")])
    assert found_at(blob).model_id == "a:b"


def test_lm_studio_by_publisher_and_name(home: Path) -> None:
    path = write_model(home / ".lmstudio" / "models" / "lmstudio-community" / "Qwen3-4B-GGUF" / "q.gguf", Q8)
    weights = found_at(path)
    assert (weights.model_id, weights.program) == ("lmstudio-community/Qwen3-4B-GGUF", "LM Studio")
    assert weights.quantization == "Q8_0"


def test_lm_studio_where_its_pointer_and_its_settings_say(home: Path) -> None:
    (home / ".lmstudio-home-pointer").write_text(f"{home / 'pointed'}\n")
    pointed = write_model(home / "pointed" / "models" / "a" / "b" / "1.gguf")
    assert found_at(pointed).model_id == "a/b"
    (home / "pointed" / "settings.json").write_text(json.dumps({"downloadsFolder": str(home / "large disk")}))
    moved = write_model(home / "large disk" / "c" / "d" / "2.gguf")
    assert [each.path for each in find_on_disk()] == [moved]


def test_llama_cpp_by_its_flat_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(home / ".cache" / "llama.cpp" / "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M.gguf", Q4)
    assert (found_at(path).model_id, found_at(path).program) == ("ggml-org/gemma-3-4b-it-GGUF", "llama.cpp")
    monkeypatch.setenv("LLAMA_CACHE", str(home / "other"))
    assert find_on_disk() == []
    assert found_at(write_model(home / "other" / "plain.gguf")).model_id == "plain"


def test_split_models_are_one_and_only_if_whole(home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "a" / "b"
    write_shards(folder, "whole", 3)
    write_shards(folder, "part", 3, missing=(2,))
    (weights,) = find_on_disk()
    assert [shard.name for shard in weights.shards] == [f"whole-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    assert weights.size_bytes == sum(shard.stat().st_size for shard in weights.shards)


def test_what_is_no_model_or_broken_is_passed_over(home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "a" / "b"
    folder.mkdir(parents=True)
    write_model(folder / "mmproj.gguf", arch="clip")
    (folder / "lora.gguf").write_bytes(gguf([string("general.type", "adapter")]))
    (folder / "vocabulary.gguf").write_bytes(gguf(tensors=(), n_data_bytes=0))
    (folder / "broken.gguf").write_bytes(b"GGUF")
    (folder / "nowhere.gguf").symlink_to(folder / "missing")
    model = write_model(folder / "model.gguf")
    assert [each.path for each in find_on_disk()] == [model]


def test_one_name_can_be_asked_for(home: Path) -> None:
    models = home / ".lmstudio" / "models"
    wanted = write_model(models / "a" / "b" / "1.gguf")
    write_model(models / "a" / "c" / "1.gguf")
    assert [each.path for each in find_on_disk("a/b")] == [wanted]

"""From an entry to a file: built-in names, paths, the Hugging Face cache."""

import struct
from pathlib import Path

import pytest

from lsrv import demo
from lsrv.errors import CorruptWeightsError, WeightsNotFoundError
from lsrv.frontdoor import Weights, WeightsSpec
from lsrv.frontdoor import resolve as resolve_spec
from lsrv.frontdoor.hub.cache_layout import find_snapshot
from lsrv.quantization import parse_quant
from tests.frontdoor.gguf.gguf_file import gguf, string, write_model, write_shards

Q4_K_M, Q8_0, F16 = 15, 7, 1


def resolve(model_id: str, *, quant: str | None = None, hub_cache: Path | None = None, **options: object) -> Weights:
    asked = parse_quant(quant) if quant is not None else None
    return resolve_spec(WeightsSpec(model_id=model_id, quant=asked, **options), hub_cache)  # type: ignore[arg-type]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def _snapshot(cache: Path, repo: str, revision: str = "main", commit: str = "c0ffee") -> Path:
    """The folder of a cached repository, laid out as huggingface_hub does."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / revision).write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    return folder / "snapshots" / commit


def test_the_built_in_name_is_the_demo_model():
    weights, path = resolve(demo.MODEL_ID), demo.MODELS[demo.MODEL_ID]
    assert (weights.path, weights.shards, weights.origin) == (path, (path,), "built-in")


def test_a_relative_path_starts_at_the_given_folder(tmp_path):
    write_model(tmp_path / "sub/m.gguf", Q8_0)
    weights = resolve("sub/m.gguf", folder=tmp_path)
    assert (weights.path, weights.quantization) == (tmp_path / "sub/m.gguf", "Q8_0")


def test_any_shard_stands_for_all_of_them(tmp_path):
    write_shards(tmp_path, "m", 3)
    weights = resolve("m-00002-of-00003.gguf", folder=tmp_path)
    assert weights.path.name == "m-00001-of-00003.gguf"
    assert len(weights.shards) == 3
    assert weights.size_bytes == sum(shard.stat().st_size for shard in weights.shards)


def test_a_missing_shard_is_told(tmp_path):
    write_shards(tmp_path, "m", 3, missing=(2,))
    with pytest.raises(WeightsNotFoundError, match="1 of its parts are missing"):
        resolve("m-00001-of-00003.gguf", folder=tmp_path)


def test_shards_of_another_count_are_corrupt(tmp_path):
    write_shards(tmp_path, "m", 2)
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(gguf([("split.count", 2, struct.pack("<H", 9))]))
    with pytest.raises(CorruptWeightsError, match="says it has 9 parts, but 2 are there"):
        resolve("m-00001-of-00002.gguf", folder=tmp_path)


def test_a_corrupt_later_shard_is_found(tmp_path):
    write_shards(tmp_path, "m", 2)
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"GGUF")
    with pytest.raises(CorruptWeightsError, match=r"m-00002-of-00002\.gguf"):
        resolve("m-00001-of-00002.gguf", folder=tmp_path)


def test_quant_chooses_in_a_folder(tmp_path):
    write_model(tmp_path / "m/m-Q4_K_M.gguf", Q4_K_M)
    write_model(tmp_path / "m/m-Q8_0.gguf", Q8_0)
    weights = resolve("m", quant="4", folder=tmp_path)
    assert (weights.path.name, weights.chosen_because) == ("m-Q4_K_M.gguf", 'best match of quant "4"')


def test_without_quant_the_highest_precision_is_taken(tmp_path):
    write_model(tmp_path / "m-Q4_K_M.gguf", Q4_K_M)
    write_model(tmp_path / "m-F16.gguf", F16)
    assert resolve(str(tmp_path)).quantization == "F16"


def test_files_whose_names_say_nothing_are_known_by_their_headers(tmp_path):
    write_model(tmp_path / "one.gguf", Q4_K_M)
    write_model(tmp_path / "two.gguf", Q8_0)
    assert resolve(str(tmp_path), quant="8").path.name == "two.gguf"


def test_a_file_of_another_quantization_is_refused(tmp_path):
    path = write_model(tmp_path / "m.gguf", F16)
    with pytest.raises(WeightsNotFoundError, match='is F16, but quant = "4" is asked for'):
        resolve(str(path), quant="4")


def test_a_file_whose_name_lies_about_its_quantization_is_refused(tmp_path):
    path = write_model(tmp_path / "m-Q4_K_M.gguf", F16)
    with pytest.raises(WeightsNotFoundError, match="is F16"):
        resolve(str(path), quant="4")


def test_the_finer_name_is_kept_where_the_header_agrees(tmp_path):
    path = write_model(tmp_path / "m-UD-Q4_K_XL.gguf", Q4_K_M)
    assert resolve(str(path), quant="4").quantization == "UD-Q4_K_XL"


@pytest.mark.parametrize(
    ("data", "what"),
    [(gguf(arch="clip"), 'of type "mmproj"'), (gguf([string("general.type", "adapter")]), 'of type "adapter"'),
     (gguf(arch=""), "says no architecture"), (gguf(tensors=[]), "a vocabulary and no tensors")],
)  # fmt: skip
def test_a_gguf_that_is_no_model_is_refused(tmp_path, data, what):
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(CorruptWeightsError, match=what):
        resolve("m.gguf", folder=tmp_path)


def test_a_path_that_is_nowhere_is_named_in_full(tmp_path):
    with pytest.raises(WeightsNotFoundError, match=f"there is no {tmp_path}/nope.gguf, and it is no Hub id"):
        resolve("nope.gguf", folder=tmp_path)


def test_a_hub_id_is_found_in_the_cache(cache):
    write_model(_snapshot(cache, "o/m-GGUF") / "m-Q4_K_M.gguf", Q4_K_M)
    weights = resolve("o/m-GGUF", hub_cache=cache)
    assert weights.origin == "Hugging Face cache, o/m-GGUF@main"


def test_files_in_the_cache_may_be_links(cache):
    snapshot = _snapshot(cache, "o/m-GGUF")
    blob = write_model(cache / "blob", Q4_K_M)
    (snapshot / "m-Q4_K_M.gguf").symlink_to(blob)
    (snapshot / "m-Q8_0.gguf").symlink_to(cache / "gone")
    assert resolve("o/m-GGUF", hub_cache=cache).quantization == "Q4_K_M"


def test_a_revision_is_looked_up_by_its_ref_or_as_a_commit(cache):
    snapshot = _snapshot(cache, "o/m-GGUF", "v2", "beef")
    assert find_snapshot(cache, "o/m-GGUF", "v2") == find_snapshot(cache, "o/m-GGUF", "beef") == snapshot
    assert find_snapshot(cache, "o/m-GGUF", "main") is None


@pytest.mark.parametrize("revision", ["../../x", "..", "/etc", "a/../b", ""])
def test_a_revision_never_leaves_the_cache(cache, revision):
    _snapshot(cache, "o/m-GGUF")
    assert find_snapshot(cache, "o/m-GGUF", revision) is None


def test_a_gguf_repository_named_after_the_model_serves_it(cache):
    _snapshot(cache, "Qwen/Qwen3-4B")
    write_model(_snapshot(cache, "unsloth/Qwen3-4B-GGUF") / "Qwen3-4B-Q4_K_M.gguf", Q4_K_M)
    weights = resolve("Qwen/Qwen3-4B", quant="4", hub_cache=cache)
    assert weights.origin == "Hugging Face cache, unsloth/Qwen3-4B-GGUF@main"


def test_a_path_goes_before_the_cache(cache, tmp_path):
    write_model(_snapshot(cache, "o/m-GGUF") / "m-Q8_0.gguf", Q8_0)
    write_model(tmp_path / "o/m-GGUF/m-Q4_K_M.gguf", Q4_K_M)
    assert resolve("o/m-GGUF", folder=tmp_path, hub_cache=cache).quantization == "Q4_K_M"


def test_what_is_not_in_the_cache_is_told_with_the_command_that_gets_it(cache, tmp_path):
    with pytest.raises(WeightsNotFoundError) as caught:
        resolve("o/m-GGUF", quant="4", folder=tmp_path, hub_cache=cache)
    assert caught.value.message == (
        f'"o/m-GGUF": no weights here (no file or folder {tmp_path}/o/m-GGUF; '
        f"none of o/m-GGUF in the Hugging Face cache {cache}); `lsrv pull o/m-GGUF --quant 4` fetches or makes them"
    )


def test_a_cached_repository_without_the_quantization_is_told(cache):
    write_model(_snapshot(cache, "o/m-GGUF") / "m-Q8_0.gguf", Q8_0)
    with pytest.raises(
        WeightsNotFoundError, match='o/m-GGUF@main in the cache: no file is of quant "4"; there is: Q8_0'
    ):
        resolve("o/m-GGUF", quant="4", hub_cache=cache)


def test_a_file_can_be_named_in_the_cache(cache):
    snapshot = _snapshot(cache, "o/m-GGUF")
    write_model(snapshot / "a-Q4_K_M.gguf", Q4_K_M)
    write_model(snapshot / "b-Q4_K_M.gguf", Q4_K_M)
    assert resolve("o/m-GGUF", quantized_file=("b-Q4_K_M.gguf",), hub_cache=cache).path.name == "b-Q4_K_M.gguf"


def test_a_missing_file_is_missing_and_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsNotFoundError, match=f"there is no {tmp_path}/folder/nope.gguf"):
        resolve("folder/nope.gguf")

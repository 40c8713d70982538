"""One order of places: whoever asks, by whatever word, finds the same weights on this disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from lsrv.config import ModelSettings
from lsrv.errors import CorruptWeightsError, WeightsNotFoundError
from lsrv.frontdoor import FrontDoor, Weights
from lsrv.frontdoor.finding import other_programs
from lsrv.frontdoor.finding.offers import Offer
from lsrv.frontdoor.hub import Hub
from lsrv.frontdoor.store.store import Recipe, Store
from lsrv.registry import spec_of
from tests.frontdoor.gguf.gguf_file import write_model, write_shards

Q4_K_M = 15


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with nothing in it, and nothing set that points elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "own"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(other_programs, "OLLAMA_SERVICE", tmp_path / "service")
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


# Each puts one model of Q4_K_M somewhere below `home`: (model_id, its file).


def in_hub_cache(home: Path) -> tuple[str, Path]:
    repo = home / "hub" / "models--own--m"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    return "own/m", write_model(repo / "snapshots" / "abc" / "m-Q4_K_M.gguf", Q4_K_M)


def beside_a_dangling_link(home: Path) -> tuple[str, Path]:
    model_id, path = in_hub_cache(home)
    path.with_name("m-F16.gguf").symlink_to(home / "hub" / "models--own--m" / "blobs" / "gone")
    return model_id, path


def in_a_sibling(home: Path) -> tuple[str, Path]:
    repo = home / "hub" / "models--own--m-GGUF"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    return "own/m", write_model(repo / "snapshots" / "abc" / "m-Q4_K_M.gguf", Q4_K_M)


def in_ollama(home: Path) -> tuple[str, Path]:
    models = home / ".ollama" / "models"
    manifest = models / "manifests" / "registry.ollama.ai" / "library" / "llama3.2" / "3b"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{'1' * 64}"}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return "llama3.2:3b", write_model(models / "blobs" / f"sha256-{'1' * 64}", Q4_K_M)


def in_lm_studio(home: Path) -> tuple[str, Path]:
    return "own/m-GGUF", write_model(home / ".lmstudio" / "models" / "own" / "m-GGUF" / "m-Q4_K_M.gguf", Q4_K_M)


def in_llama_cpp(home: Path) -> tuple[str, Path]:
    return "own/m-GGUF", write_model(home / ".cache" / "llama.cpp" / "own_m-GGUF_m-Q4_K_M.gguf", Q4_K_M)


def made_here(home: Path) -> tuple[str, Path]:
    recipe = Recipe(quantization="Q4_K_M")
    stored = Store().make("k", recipe, lambda path: write_model(path, Q4_K_M), name="m-Q4_K_M", origin="own/m@main")
    return "own/m", stored.path


def in_a_folder(home: Path) -> tuple[str, Path]:
    return "mine", write_model(home / "mine" / "m-Q4_K_M.gguf", Q4_K_M)


def in_capital_letters(home: Path) -> tuple[str, Path]:
    return "mine", write_model(home / "mine" / "M-Q4_K_M.GGUF", Q4_K_M)


def as_a_file(home: Path) -> tuple[str, Path]:
    path = write_model(home / "m-Q4_K_M.gguf", Q4_K_M)
    return str(path), path


PLACES = (
    in_hub_cache,
    beside_a_dangling_link,
    in_a_sibling,
    in_ollama,
    in_lm_studio,
    in_llama_cpp,
    made_here,
    in_a_folder,
    in_capital_letters,
    as_a_file,
)


def entry(model_id: str, quant: str | None) -> ModelSettings:
    return ModelSettings.model_validate({"model_id": model_id, "quantization": {"quant": quant}})


def door() -> FrontDoor:
    def largest(offers: list[Offer]) -> tuple[Offer, str]:
        return offers[0], "it fits"

    return FrontDoor(Hub(None, offline=True), choose_auto=largest)  # type: ignore[arg-type]


def by_tune(model_id: str) -> Path:
    (offer,) = door().offers(spec_of(entry(model_id, None)))
    return offer.head()


def by_quant(quant: str | None) -> Callable[[str], Path]:
    return lambda model_id: door().prepare(spec_of(entry(model_id, quant))).path


def by_looking(model_id: str) -> Path:
    found = door().look(spec_of(entry(model_id, "4")))
    assert isinstance(found, Weights)
    return found.path


ASKED = {"quant 4": by_quant("4"), "auto": by_quant("auto"), "tune": by_tune, "look": by_looking}


@pytest.mark.parametrize("put", PLACES, ids=lambda put: put.__name__)
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_every_word_finds_it(ask: Callable[[str], Path], put: Callable[[Path], tuple[str, Path]], home: Path) -> None:
    model_id, path = put(home)
    assert ask(model_id).samefile(path)


@pytest.mark.parametrize("put", [each for each in PLACES if each is not made_here], ids=lambda put: put.__name__)
def test_a_pull_without_a_word_finds_it_but_for_what_was_made_smaller(
    put: Callable[[Path], tuple[str, Path]], home: Path
) -> None:
    model_id, path = put(home)
    assert by_quant(None)(model_id).samefile(path)


def test_what_was_made_smaller_is_not_the_highest_precision(home: Path) -> None:
    model_id, _ = made_here(home)
    with pytest.raises(WeightsNotFoundError):
        by_quant(None)(model_id)


def test_a_named_place_goes_before_programs_and_those_before_the_cache(home: Path) -> None:
    in_hub_cache(home)
    model_id = "own/m"
    studio = write_model(home / ".lmstudio" / "models" / "own" / "m" / "m-Q4_K_M.gguf", Q4_K_M)
    assert by_quant("4")(model_id) == studio
    assert by_quant("auto")(model_id) == studio
    named = write_model(home / "own" / "m" / "m-Q4_K_M.gguf", Q4_K_M)
    assert by_quant("4")(model_id).samefile(named)
    assert by_quant("auto")(model_id).samefile(named)


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_parts_in_capital_letters_are_refused_with_the_mend(ask: Callable[[str], Path], home: Path) -> None:
    write_shards(home / "split", "m-Q4_K_M", 2)
    for path in (home / "split").iterdir():
        path.rename(path.with_suffix(".GGUF"))
    for model_id in ("split", "split/m-Q4_K_M-00001-of-00002.GGUF", "split/m-Q4_K_M-00002-of-00002.GGUF"):
        if ask is not by_tune:
            with pytest.raises(CorruptWeightsError, match=r"knows parts of a model by \.gguf at the end; rename them"):
                ask(model_id)


def test_of_a_split_file_the_parts_may_differ_in_case(home: Path) -> None:
    write_shards(home, "m", 2)
    (home / "m-00001-of-00002.gguf").rename(home / "m-00001-of-00002.GGUF")
    with pytest.raises(CorruptWeightsError, match="GGUF"):
        by_quant(None)("m-00002-of-00002.gguf")

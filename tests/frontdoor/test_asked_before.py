"""What is served never depends on what was asked before, nor on what lies in the cache because of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor import Weights
from lsrv.frontdoor.hub import Hub
from lsrv.frontdoor.hub.patience import Patience
from lsrv.frontdoor.prepare import FrontDoor
from lsrv.frontdoor.spec import Pending, WeightsSpec
from lsrv.frontdoor.store.store import Store
from lsrv.quantization import parse_quant
from tests.frontdoor.gguf.gguf_file import write_model
from tests.frontdoor.making.convert.agreement import write_source
from tests.frontdoor.making.convert.cases import CASES
from tests.frontdoor.making.quantize.random_model import write_random_model
from tests.hub_repos import stored_file
from tests.hub_server import HubServer

Q4_0, Q4_K_M, Q8_0, IQ4_XS = 2, 15, 7, 30
OWN = "own/m"
Get = Callable[..., Weights]


@pytest.fixture
def home(hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in hub_server.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "own"))
    return tmp_path / "home"


def door(home: Path, **options: bool) -> FrontDoor:
    return FrontDoor(Hub(None, options.get("offline", False), Patience(n_retries=0)), Store(), home / "hub")


@pytest.fixture
def get(home: Path) -> Get:
    def prepare(model_id: str = OWN, quant: str | None = None, isq: str | None = None, **options: bool) -> Weights:
        return door(home, **options).prepare(spec(model_id, quant, isq))

    return prepare


def spec(model_id: str = OWN, quant: str | None = None, isq: str | None = None) -> WeightsSpec:
    return WeightsSpec(
        model_id=model_id,
        quant=parse_quant(quant) if quant is not None else None,
        isq=parse_quant(isq) if isq is not None else None,
    )


def publish(hub_server: HubServer, tmp_path: Path, repo_id: str, *models: tuple[str, int], **options: str) -> None:
    made = tmp_path / "made" / repo_id
    files = {name: write_model(made / name, file_type) for name, file_type in models}
    hub_server.add_repo(repo_id, {**files, "README.md": b""}, tags=("gguf",), **options)


def publish_safetensors(hub_server: HubServer, tmp_path: Path) -> None:
    folder = write_source(next(case for case in CASES if case.name == "qwen3"), tmp_path / "published", "BF16")
    hub_server.add_repo(OWN, {path.name: path for path in folder.iterdir()})


def test_nothing_asked_is_full_precision_although_four_bits_of_a_sibling_are_here(get, hub_server, tmp_path) -> None:
    publish_safetensors(hub_server, tmp_path)
    publish(hub_server, tmp_path, "own/m-GGUF", ("m-Q4_K_M.gguf", Q4_K_M), base_model=OWN)
    assert get(quant="4").quantization == "Q4_K_M"
    assert get().quantization == "BF16"
    assert get(quant="4").quantization == "Q4_K_M"
    assert get(offline=True).quantization == "BF16"


def test_nothing_asked_is_the_highest_published_although_a_lower_one_is_here(get, hub_server, tmp_path) -> None:
    publish(hub_server, tmp_path, OWN, ("m-Q4_K_M.gguf", Q4_K_M), ("m-Q8_0.gguf", Q8_0))
    assert [get(quant="4").quantization, get().quantization] == ["Q4_K_M", "Q8_0"]


def test_nothing_asked_prefers_safetensors_to_a_smaller_file_beside_them(get, hub_server, tmp_path) -> None:
    publish_safetensors(hub_server, tmp_path)
    hub_server.repos[OWN].commit_files([stored_file("m-Q8_0.gguf", write_model(tmp_path / "m-Q8_0.gguf", Q8_0))])
    assert get().quantization == "BF16"


def test_nothing_asked_of_what_can_not_be_converted_is_the_highest_of_all_derived(get, hub_server, tmp_path) -> None:
    hub_server.add_repo(OWN, {"config.json": b'{"architectures": ["StrangeForCausalLM"]}'})
    publish(hub_server, tmp_path, "own/m-GGUF", ("m-Q4_0.gguf", Q4_0), base_model=OWN)
    publish(hub_server, tmp_path, "bartowski/m-GGUF", ("m-Q8_0.gguf", Q8_0), base_model=OWN)
    assert get().origin == "Hub, bartowski/m-GGUF@main"


@pytest.mark.parametrize("other", ["IQ4_XS", "Q8_0"])
def test_four_bits_are_the_best_published_ones_whatever_was_asked_first(get, hub_server, tmp_path, other) -> None:
    models = (("m-IQ4_XS.gguf", IQ4_XS), ("m-Q4_K_M.gguf", Q4_K_M), ("m-Q8_0.gguf", Q8_0))
    publish(hub_server, tmp_path, "some/Mixed-GGUF", *models)
    get("some/Mixed-GGUF", quant=other)
    weights = get("some/Mixed-GGUF", quant="4")
    assert (weights.quantization, weights.origin) == ("Q4_K_M", "Hub, some/Mixed-GGUF@main")


def test_four_bits_are_not_made_here_while_somebody_publishes_them(get, hub_server, tmp_path) -> None:
    publish_safetensors(hub_server, tmp_path)
    publish(hub_server, tmp_path, "own/m-GGUF", ("m-Q4_K_M.gguf", Q4_K_M), base_model=OWN)
    get()
    assert get(quant="4").origin == "Hub, own/m-GGUF@main"


def test_what_is_quantized_here_is_made_of_the_best_source_and_not_of_what_is_here(get, hub_server, tmp_path) -> None:
    paths = [tmp_path / "made" / f"m-{kind}.gguf" for kind in ("Q8_0", "F32")]
    files = {path.name: write_random_model(path, file_type=path.stem[2:]) for path in paths}
    hub_server.add_repo(OWN, files)
    get(quant="8")
    assert get(isq="4").chosen_because == "quantized here from m-F32.gguf"


def test_equal_files_on_the_hub_are_named_with_how_to_choose(get, hub_server, tmp_path) -> None:
    publish(hub_server, tmp_path, "twins/T-GGUF", ("a-Q4_K_M.gguf", Q4_K_M), ("b-Q4_K_M.gguf", Q4_K_M))
    says = r"2 models fit equally: a-Q4_K_M.gguf, b-Q4_K_M.gguf; name one with format.quantized_file"
    with pytest.raises(WeightsNotFoundError, match=says):
        get("twins/T-GGUF", quant="4")
    door_spec = WeightsSpec(model_id="twins/T-GGUF", quant=None, quantized_file=("a-Q4_K_M.gguf",))
    assert door(tmp_path / "home").prepare(door_spec).path.name == "a-Q4_K_M.gguf"
    with pytest.raises(WeightsNotFoundError, match=says):
        get("twins/T-GGUF", quant="4")


def test_equal_files_in_a_derived_repository_are_no_reason_to_make_others(get, hub_server, tmp_path) -> None:
    publish_safetensors(hub_server, tmp_path)
    models = (("a-Q4_K_M.gguf", Q4_K_M), ("b-Q4_K_M.gguf", Q4_K_M))
    publish(hub_server, tmp_path, "own/m-GGUF", *models, base_model=OWN)
    with pytest.raises(
        WeightsNotFoundError, match=r"own/m-GGUF, which was made from it: 2 models fit equally: a-Q4_K_M"
    ):
        get(quant="4")


def test_where_no_variant_fits_all_are_listed(get, hub_server, tmp_path) -> None:
    publish(hub_server, tmp_path, "own/m-GGUF", ("m-Q4_K_M.gguf", Q4_K_M), ("m-IQ4_XS.gguf", IQ4_XS))
    with pytest.raises(WeightsNotFoundError, match=r"its GGUFs are IQ4_XS, Q4_K_M; ask for one of them"):
        get("own/m-GGUF", quant="8")
    hub_server.add_repo(OWN, {"README.md": b""})
    publish(hub_server, tmp_path, "bartowski/m-GGUF", ("m-Q4_0.gguf", Q4_0), base_model=OWN)
    with pytest.raises(WeightsNotFoundError, match=r"GGUF repositories of it: bartowski/m-GGUF \(Q4_0\)"):
        get(quant="8")


def test_what_was_decided_needs_no_hub_again(get, hub_server, tmp_path) -> None:
    publish(hub_server, tmp_path, OWN, ("m-Q4_K_M.gguf", Q4_K_M), ("m-Q8_0.gguf", Q8_0))
    first, n_asked = get(quant="4"), len(hub_server.requests)
    assert (get(quant="4").path, len(hub_server.requests)) == (first.path, n_asked)
    looked = door(tmp_path / "home").look(spec(quant="4"))
    assert isinstance(looked, Weights) and looked.path == first.path
    assert isinstance(door(tmp_path / "home").look(spec()), Pending), "without a quantization it is another question"


def test_while_the_hub_is_gone_the_best_of_what_is_here_serves_and_says_so(get, hub_server, tmp_path) -> None:
    publish(hub_server, tmp_path, OWN, ("m-Q4_K_M.gguf", Q4_K_M), ("m-Q8_0.gguf", Q8_0))
    get(quant="4")
    hub_server.repos.clear()
    weights = get()
    assert weights.quantization == "Q4_K_M"
    assert "the Hub could not be asked" in weights.chosen_because
    publish(hub_server, tmp_path, OWN, ("m-Q4_K_M.gguf", Q4_K_M), ("m-Q8_0.gguf", Q8_0))
    assert get().quantization == "Q8_0", "what was taken for want of better is not remembered"

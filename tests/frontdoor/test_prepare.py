"""The whole way from a name to weights, against a real Hub on loopback: found, fetched, converted, quantized."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lsrv.errors import ConvertError, WeightsNotFoundError
from lsrv.frontdoor.hub import Hub
from lsrv.frontdoor.prepare import FrontDoor
from lsrv.frontdoor.progress import BuildProgress
from lsrv.frontdoor.spec import WeightsSpec
from lsrv.frontdoor.store.store import Store
from lsrv.quantization import parse_quant
from tests.frontdoor.gguf.gguf_file import gguf, number, string
from tests.frontdoor.making.convert.agreement import write_source
from tests.frontdoor.making.convert.cases import CASES
from tests.frontdoor.making.quantize.random_model import write_random_model
from tests.hub_server import HubServer

Q4_K_M, Q8_0, BF16 = 15, 7, 32


@pytest.fixture
def door(hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FrontDoor]:
    """A front door with a cache and a store of its own, before a Hub that holds what a test puts there."""
    for name, value in hub_server.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "own"))

    def make(**options: object) -> FrontDoor:
        is_offline = bool(options.pop("offline", False))
        hub = Hub(None, is_offline)
        return FrontDoor(hub, Store(), tmp_path / "home" / "hub", **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("source") / "m-F32.gguf")


def model(tmp_path: Path, name: str, file_type: int) -> Path:
    """A small GGUF of its own content, so that no two are the same blob."""
    path = tmp_path / "made" / hashlib.sha256(name.encode()).hexdigest()[:8] / Path(name).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf([number("general.file_type", file_type), string("general.name", name)]))
    return path


def test_a_fitting_file_in_the_own_repository_is_fetched_once(door, hub_server, tmp_path) -> None:
    files = {"m-Q4_K_M.gguf": model(tmp_path, "m4", Q4_K_M), "m-Q8_0.gguf": model(tmp_path, "m8", Q8_0)}
    hub_server.add_repo("own/m", files)
    weights = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4")))
    assert (weights.quantization, weights.origin) == ("Q4_K_M", "Hub, own/m@main")
    assert weights.path.read_bytes() == files["m-Q4_K_M.gguf"].read_bytes()
    n_asked = len(hub_server.requests)
    again = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4")))
    assert (again.path, len(hub_server.requests)) == (weights.path, n_asked), "what is here is not asked for"


def test_of_derived_repositories_the_owners_comes_first_then_known_ones(door, hub_server, tmp_path) -> None:
    hub_server.add_repo("own/m", {"config.json": b"{}"})
    for owner, n_downloads in (("popular", 900), ("bartowski", 5), ("own", 1)):
        file = {"m-Q4_K_M.gguf": model(tmp_path, f"{owner}/m", Q4_K_M)}
        hub_server.add_repo(f"{owner}/m-GGUF", file, base_model="own/m", downloads=n_downloads, tags=("gguf",))
    weights = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4")))
    assert weights.origin == "Hub, own/m-GGUF@main"
    assert "made by own, the model's owner" in weights.chosen_because
    del hub_server.repos["own/m-GGUF"]
    again = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4"), revision="main", quantized_file=()))
    assert again.path == weights.path, "what was decided holds, whatever is on the Hub now"


def test_files_of_unknown_owners_need_consent(door, hub_server, tmp_path) -> None:
    hub_server.add_repo("own/m", {"config.json": b'{"architectures": ["StrangeForCausalLM"]}'})
    file = {"m-Q4_K_M.gguf": model(tmp_path, "m", Q4_K_M)}
    hub_server.add_repo("stranger/m-GGUF", file, base_model="own/m", tags=("gguf",))
    with pytest.raises(
        ConvertError, match=r"(?s)Strange.*GGUF repositories of it: stranger/m-GGUF \(Q4_K_M\); name one"
    ):
        door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4")))
    weights = door(has_consent=True).prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4")))
    assert "made by stranger, the most downloaded" in weights.chosen_because


def test_what_nobody_published_is_quantized_here_and_only_once(door, hub_server, source) -> None:
    hub_server.add_repo("own/m", {"m-F32.gguf": source})
    seen: list[BuildProgress] = []
    weights = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("8")), seen.append)
    assert (weights.quantization, weights.chosen_because) == ("Q8_0", "quantized here from m-F32.gguf")
    assert {progress.stage for progress in seen} >= {"look", "fetch", "quantize"}
    seen.clear()
    again = door(offline=True).prepare(WeightsSpec(model_id="own/m", quant=parse_quant("8")), seen.append)
    assert (again.path, "quantize" in {progress.stage for progress in seen}) == (weights.path, False)


def test_what_was_made_serves_on_when_its_source_has_left(door, hub_server, source, tmp_path) -> None:
    hub_server.add_repo("own/m", {"m-F32.gguf": source})
    made = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("8")))
    for blob in (tmp_path / "home" / "hub").rglob("blobs/*"):
        blob.unlink()
    again = door(offline=True).prepare(WeightsSpec(model_id="own/m", quant=parse_quant("8")))
    assert (again.path, again.chosen_because) == (made.path, "made here from own/m@main before")


def test_isq_makes_it_here_although_there_is_a_ready_file(door, hub_server, source, tmp_path) -> None:
    hub_server.add_repo("own/m", {"m-F32.gguf": source, "m-Q8_0.gguf": model(tmp_path, "ready", Q8_0)})
    weights = door().prepare(WeightsSpec(model_id="own/m", isq=parse_quant("8")))
    assert weights.chosen_because == "quantized here from m-F32.gguf"


def test_a_local_file_of_full_precision_is_quantized(door, source) -> None:
    weights = door(offline=True).prepare(WeightsSpec(model_id=str(source), quant=parse_quant("4")))
    assert weights.quantization == "Q4_K_M"
    assert weights.origin == f"made here, file {source}"


def test_a_local_file_of_another_quantization_is_never_passed_off(door, tmp_path) -> None:
    path = model(tmp_path, "m-Q4_K_M.gguf", Q4_K_M)
    with pytest.raises(WeightsNotFoundError, match=r'is Q4_K_M, but quant = "8" is asked for'):
        door(offline=True).prepare(WeightsSpec(model_id=str(path), quant=parse_quant("8")))


def test_offline_says_so_and_asks_nobody(door, hub_server) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"lsrv pull own/m --quant 4` fetches or makes them; offline"):
        door(offline=True).prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4")))
    assert hub_server.requests == []


def test_the_projector_comes_along_where_it_is_needed(door, hub_server, tmp_path) -> None:
    names = ("m-Q4_K_M.gguf", "mmproj-m-F16.gguf", "mmproj-m-BF16.gguf")
    hub_server.add_repo("own/m", {name: model(tmp_path, name, Q4_K_M) for name in names})
    weights = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("4"), needs_projector=True))
    assert sorted(path.name for path in weights.path.parent.iterdir()) == ["m-Q4_K_M.gguf", "mmproj-m-BF16.gguf"]


def test_auto_fetches_what_was_chosen_by_its_head(door, hub_server, tmp_path) -> None:
    files = {"m-Q4_K_M.gguf": model(tmp_path, "m4", Q4_K_M), "m-Q8_0.gguf": model(tmp_path, "m8", Q8_0)}
    hub_server.add_repo("own/m", files)

    def choose(offers):
        assert [offer.candidate.quantization for offer in offers] == ["Q4_K_M", "Q8_0"]
        assert all(offer.head().is_file() for offer in offers)
        return offers[0], "it fits"

    weights = door(choose_auto=choose).prepare(WeightsSpec(model_id="own/m", quant="auto"))
    assert (weights.quantization, weights.chosen_because) == ("Q4_K_M", "it fits")


def test_auto_takes_what_is_here_where_it_lies(door, tmp_path) -> None:
    path = model(tmp_path, "m-Q8_0.gguf", Q8_0)
    weights = door(offline=True, choose_auto=lambda offers: (offers[0], "it fits")).prepare(
        WeightsSpec(model_id=str(path.parent), quant="auto")
    )
    assert weights.path == path


def test_safetensors_are_converted_and_quantized_without_anybodys_code(door, hub_server, tmp_path) -> None:
    case = next(case for case in CASES if case.name == "qwen3")
    folder = write_source(case, tmp_path / "published", "BF16", n_files=2)
    (folder / "modeling_own.py").write_text("raise SystemExit('ran')")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    hub_server.add_repo("own/m", {path.name: path for path in folder.iterdir()})
    whole = door().prepare(WeightsSpec(model_id="own/m"))
    assert (whole.quantization, whole.header.arch, whole.path.name) == ("BF16", "qwen3", "m.gguf")
    assert not [request for request in hub_server.requests if request.path.endswith((".py", ".bin"))]
    quantized = door().prepare(WeightsSpec(model_id="own/m", quant=parse_quant("8")))
    assert (quantized.quantization, quantized.path.name) == ("Q8_0", "m-Q8_0.gguf")
    assert [path.name for path in quantized.path.parent.iterdir() if path.suffix == ".gguf"] == ["m-Q8_0.gguf"]
    local = door(offline=True).prepare(WeightsSpec(model_id=str(folder), isq=parse_quant("8")))
    assert local.quantization == "Q8_0"
    with pytest.raises(WeightsNotFoundError, match="no GGUF file"):
        door(offline=True).prepare(WeightsSpec(model_id=str(folder), format="gguf"))


def test_plain_takes_safetensors_although_there_is_a_gguf(door, tmp_path) -> None:
    folder = write_source(next(case for case in CASES if case.name == "qwen3"), tmp_path / "both", "BF16")
    model(tmp_path, "m-BF16.gguf", BF16).rename(folder / "m-BF16.gguf")
    assert door(offline=True).prepare(WeightsSpec(model_id=str(folder))).path == folder / "m-BF16.gguf"
    made = door(offline=True).prepare(WeightsSpec(model_id=str(folder), format="plain"))
    assert (made.header.arch, made.chosen_because) == ("qwen3", f"made here from folder {folder}")


def test_another_programs_model_is_used_in_place_by_its_name(door, tmp_path) -> None:
    path = tmp_path / "home" / ".lmstudio" / "models" / "own" / "m-GGUF" / "m-Q4_K_M.gguf"
    path.parent.mkdir(parents=True)
    model(tmp_path, "m4", Q4_K_M).rename(path)
    weights = door(offline=True).prepare(WeightsSpec(model_id="own/m-GGUF", quant=parse_quant("4")))
    assert (weights.path, weights.origin) == (path, "LM Studio, own/m-GGUF")

"""What a name offers: files here, files of a repository, files of a repository made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsrv import demo
from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor import FrontDoor, WeightsSpec, read_header
from lsrv.frontdoor.finding.offers import Offer
from lsrv.frontdoor.hub import Hub
from tests.frontdoor.gguf.gguf_file import gguf, tensor, write_model, write_shards
from tests.hub_server import HubServer


def find_offers(model_id: str, hub: Hub, folder: Path | None = None) -> list[Offer]:
    return FrontDoor(hub).offers(WeightsSpec(model_id=model_id, folder=folder))


@pytest.fixture
def hub(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "lsrv"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return Hub(token=None)


def sized(n_elements: int) -> bytes:
    return gguf(tensors=[tensor("a", (n_elements,))], n_data_bytes=4 * n_elements)


def test_a_repository_offers_its_models_largest_first(hub: Hub, hub_server: HubServer) -> None:
    files = {"m-Q4_K_M.gguf": sized(64), "m-Q8_0.gguf": sized(128), "mmproj-F16.gguf": sized(32), "README.md": b"# m"}
    hub_server.add_repo("o/m-GGUF", files)
    offers = find_offers("o/m-GGUF", hub)
    assert [(offer.candidate.quantization, offer.is_here) for offer in offers] == [("Q8_0", False), ("Q4_K_M", False)]
    assert read_header(offers[0].head()).size_bytes == offers[0].size_bytes == len(sized(128))


def test_a_repository_of_safetensors_offers_what_was_made_from_it(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"config.json": b"{}"})
    hub_server.add_repo("x/m-GGUF", {"m-Q8_0.gguf": sized(64)}, base_model="o/m", tags=("gguf",), downloads=9)
    hub_server.add_repo("unsloth/m-GGUF", {"m-Q4_0.gguf": sized(64)}, base_model="o/m", tags=("gguf",), downloads=3)
    assert [offer.origin for offer in find_offers("o/m", hub)] == ["Hub, unsloth/m-GGUF"]


def test_what_is_in_the_cache_is_not_offered_from_the_hub_again(
    hub: Hub, hub_server: HubServer, tmp_path: Path
) -> None:
    hub_server.add_repo("o/m", {"m-Q8_0.gguf": sized(64), "m-F16.gguf": sized(128)})
    repo = tmp_path / "hub" / "models--o--m"
    (repo / "snapshots" / "abc").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    (repo / "snapshots" / "abc" / "m-Q8_0.gguf").write_bytes(sized(64))
    assert {offer.candidate.name: offer.is_here for offer in find_offers("o/m", hub)} == {
        "m-F16.gguf": False,
        "m-Q8_0.gguf": True,
    }
    n_requests = len(hub_server.requests)
    assert [offer.candidate.name for offer in find_offers("o/m", Hub(token=None, offline=True))] == ["m-Q8_0.gguf"]
    assert len(hub_server.requests) == n_requests


def test_files_and_folders_are_offered_without_a_hub(tmp_path: Path) -> None:
    hub = Hub(token=None, offline=True)
    small = write_model(tmp_path / "m-Q4_0.gguf")
    write_shards(tmp_path / "q8", "m-Q8_0", 3)
    write_shards(tmp_path / "q2", "m-Q2_K", 3, missing=(2,))
    assert [offer.candidate.quantization for offer in find_offers(str(tmp_path), hub)] == ["Q8_0", "Q4_0"]
    assert [offer.head() for offer in find_offers(small.name, hub, folder=tmp_path)] == [small]
    assert [offer.head() for offer in find_offers(demo.MODEL_ID, hub)] == [demo.MODELS[demo.MODEL_ID]]


def test_a_name_that_offers_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match="neither here nor on the Hub"):
        find_offers(str(tmp_path), Hub(token=None, offline=True))

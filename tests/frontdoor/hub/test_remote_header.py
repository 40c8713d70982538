"""Heads of GGUFs on a Hub: little is fetched, and what is fetched is enough for a plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lsrv.errors import CorruptWeightsError
from lsrv.frontdoor import read_header
from lsrv.frontdoor.hub import Hub
from lsrv.frontdoor.hub.remote_header import sparse_copy
from tests.frontdoor.gguf.gguf_file import gguf, strings, tensor, write_shards
from tests.hub_server import HubServer

N_TENSOR_BYTES = 16 << 20


@pytest.fixture
def hub(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    yield Hub(token=None)


def large_model(n_tokens: int = 40_000) -> bytes:
    """A head of about a megabyte before 16 MiB of one F32 tensor."""
    tokens = strings("tokenizer.ggml.tokens", (f"token {i} of many" for i in range(n_tokens)))
    return gguf([tokens], [tensor("a", (N_TENSOR_BYTES // 4,))], n_data_bytes=N_TENSOR_BYTES)


def test_only_the_head_travels_and_the_copy_reads_like_the_file(
    hub: Hub, hub_server: HubServer, tmp_path: Path
) -> None:
    hub_server.add_repo("o/m", {"m.gguf": large_model()})
    copy = sparse_copy(hub, hub.list_repo("o/m"), ["m.gguf"])
    original = tmp_path / "m.gguf"
    original.write_bytes(large_model())
    assert read_header(copy) == read_header(original)
    assert hub_server.n_bytes_sent() < 4 << 20
    assert copy.stat().st_blocks * 512 < 4 << 20


def test_a_head_is_fetched_once(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"m.gguf": large_model()})
    repo = hub.list_repo("o/m")
    first = sparse_copy(hub, repo, ["m.gguf"])
    n_requests = len(hub_server.requests)
    assert sparse_copy(hub, repo, ["m.gguf"]) == first
    assert len(hub_server.requests) == n_requests


def test_shards_lie_side_by_side_under_their_names(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    write_shards(tmp_path / "q4", "m", 3)
    files = {f"q4/{path.name}": path for path in (tmp_path / "q4").iterdir()}
    hub_server.add_repo("o/m", files)
    first = sparse_copy(hub, hub.list_repo("o/m"), sorted(files))
    assert first.name == "m-00001-of-00003.gguf"
    assert len(list(first.parent.glob("*.gguf"))) == 3


def test_a_header_that_lies_leaves_nothing_behind(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.add_repo("o/m", {"m.gguf": gguf(n_data_bytes=1)})
    with pytest.raises(CorruptWeightsError, match=r"o/m/m\.gguf.*the tensors need"):
        sparse_copy(hub, hub.list_repo("o/m"), ["m.gguf"])
    assert not list((tmp_path / "cache" / "heads").rglob("*.gguf*"))

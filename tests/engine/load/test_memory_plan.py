"""The plan against what llama.cpp then really reports, for every way to lay out a context."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.breakdown import memory_breakdown
from lsrv.engine.llama.context import Context
from lsrv.engine.llama.library import lib
from lsrv.engine.llama.model import Model
from lsrv.engine.load.fit import fit_params
from lsrv.engine.load.loading import load_model
from lsrv.engine.load.memory_plan import plan_memory
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import MemoryUse
from tests.engine import shapes
from tests.models import STORIES

LAYOUTS: dict[str, dict[str, Any]] = {
    "one slot": {"n_slots": 1},
    "split": {"n_slots": 4, "kv": "split"},
    "shared": {"n_slots": 4, "kv": "shared"},
    "16 slots": {"n_slots": 16, "n_ctx_seq": 1024},
    "attention on": {"flash_attention": "on"},
    "attention off": {"flash_attention": "off"},
    "cache f32": {"cache_type_k": "f32", "cache_type_v": "f32"},
    "small batches": {"n_batch": 64, "n_ubatch": 32},
    "embedding": {"is_embedding": True, "n_slots": 32},
    "embedding in parts": {"is_embedding": True, "n_slots": 32, "pooling": "last", "n_ubatch": 64},
    "all by itself": {"n_ctx_seq": 0, "n_slots": 0},
}
CACHE_TYPES = {
    "cache q8_0": {"cache_type_k": "q8_0", "cache_type_v": "q8_0"},
    "cache q4_0 and f16": {"cache_type_k": "q4_0"},
}
LOG_STEP_MIB = 0.0101  # the log has two decimals; a sliding window has two KV caches, each with a line
SHAPES: dict[str, tuple[Callable[[Path], Path], dict[str, dict[str, Any]]]] = {
    "grouped attention": (shapes.write_llama, LAYOUTS | CACHE_TYPES),
    "sliding window": (shapes.write_gemma3, LAYOUTS | CACHE_TYPES),
    "experts": (shapes.write_qwen3moe, {name: LAYOUTS[name] for name in ("one slot", "split", "shared")}),
    "recurrent": (shapes.write_mamba, {name: LAYOUTS[name] for name in ("one slot", "split")}),
}


def in_mib(memory: MemoryUse) -> list[float]:
    """Weights, KV cache, compute and output."""
    sizes = (memory.weights_bytes, memory.kv_bytes, memory.compute_bytes, memory.output_bytes)
    return [size / (1 << 20) for size in sizes]


def params(path: Path = STORIES, **options: object) -> LoadParams:
    given: dict[str, Any] = {"model_path": str(path), "n_ctx_seq": 512, "n_slots": 2, "n_threads": 1}
    return LoadParams(**(given | options))


def assert_planned_as_loaded(backend: Backend, wanted: LoadParams) -> None:
    (planned,) = plan_memory(backend, wanted, []).contexts
    info = load_model(backend, wanted, lambda _stage, _fraction: None).info
    assert in_mib(planned.memory) == pytest.approx(in_mib(info.memory), abs=LOG_STEP_MIB)
    assert (planned.n_ctx_seq, planned.n_slots) == (info.n_ctx_seq, info.n_slots)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_plan_is_what_the_load_then_takes(backend: Backend, layout: dict[str, Any]) -> None:
    assert_planned_as_loaded(backend, params(**layout))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_plan_is_right_for_every_kind_of_memory(backend: Backend, shape: str, tmp_path: Path) -> None:
    write, layouts = SHAPES[shape]
    path = write(tmp_path / "model.gguf")
    for layout in layouts.values():
        assert_planned_as_loaded(backend, params(path, use_extra_bufts=False, **layout))


@pytest.mark.parametrize("use_extra_bufts", [True, False])
def test_the_plan_is_right_to_the_byte(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_extra_bufts: bool
) -> None:
    """Repacked weights, too. The file is read, not mapped: a map spans what was repacked, and counts it once more."""
    wanted = params(shapes.write_llama(tmp_path / "model.gguf", shapes.Type.Q4_0), use_extra_bufts=use_extra_bufts)
    (planned,) = plan_memory(backend, wanted, []).contexts
    default_params = lib.llama_model_default_params

    def unmapped() -> Any:
        raw = default_params()
        raw.load_mode = lib.LLAMA_LOAD_MODE_NONE
        return raw

    monkeypatch.setattr(lib, "llama_model_default_params", unmapped)
    model = Model(wanted, lambda fraction: None)
    parts = memory_breakdown(Context(model, fit_params(wanted, model)))
    assert planned.memory.weights_bytes == sum(part.weights for part in parts)
    assert planned.memory.kv_bytes == sum(part.context for part in parts)
    assert planned.memory.compute_bytes == sum(part.compute for part in parts)
    assert planned.total_bytes - planned.memory.output_bytes == sum(
        part.weights + part.context + part.compute for part in parts
    )


@pytest.mark.parametrize(
    ("options", "n_kv_shares", "n_bytes"),
    [({"cache_ram_bytes": -1}, 1, 0), ({"cache_ram_bytes": 12345}, 0, 12345), ({"is_embedding": True}, 0, 0)],
)
def test_what_prompts_may_come_to_take_is_planned(
    backend: Backend, options: dict[str, Any], n_kv_shares: int, n_bytes: int
) -> None:
    (planned,) = plan_memory(backend, params(**options), []).contexts
    assert planned.store_bytes == n_kv_shares * planned.memory.kv_bytes + n_bytes
    assert planned.vocabulary_bytes == 300 * 512, "of each token of stories260K"
    assert planned.by_device["CPU"] == planned.total_bytes + planned.store_bytes + planned.vocabulary_bytes


def test_experts_that_stay_in_ram_are_planned_and_loaded(backend: Backend, tmp_path: Path) -> None:
    """Without a GPU they lie there anyway, in the plain form; what a GPU would hold is in tests/registry/fitting."""
    path = shapes.write_qwen3moe(tmp_path / "model.gguf")
    assert_planned_as_loaded(backend, params(path, n_cpu_moe=2, use_extra_bufts=False))
    planned = plan_memory(backend, params(path), [])
    assert (planned.n_layers, planned.has_experts) == (2, True)
    assert not plan_memory(backend, params(), []).has_experts


def test_several_contexts_in_one_go_are_the_plans_of_each(backend: Backend) -> None:
    together = plan_memory(backend, params(), [2048, 512]).contexts
    apart = [plan_memory(backend, params(n_ctx_seq=n), []).contexts[0] for n in (2048, 512)]
    assert together == apart


def test_a_context_beyond_this_machine_is_planned_and_nothing_is_allocated(backend: Backend, tmp_path: Path) -> None:
    path = shapes.write_llama(tmp_path / "model.gguf")
    before = psutil.Process().memory_info().rss
    (planned,) = plan_memory(backend, params(path, n_slots=4), [1 << 21]).contexts
    assert planned.memory.kv_bytes == 4 * (1 << 21) * 2 * 2 * 128 * 2  # cells, layers, K and V, values of two bytes
    assert planned.total_bytes > 8 << 30
    assert psutil.Process().memory_info().rss - before < 1 << 30


def test_a_file_with_holes_for_tensors_is_planned_like_the_whole(backend: Backend, tmp_path: Path) -> None:
    whole = shapes.write_llama(tmp_path / "whole.gguf")
    data = whole.read_bytes()
    n_tensor_bytes = sum(int(tensor.n_bytes) for tensor in shapes.gguf.GGUFReader(whole).tensors)
    sparse = tmp_path / "sparse.gguf"
    with sparse.open("wb") as file:
        file.write(data[: len(data) - n_tensor_bytes])
        file.truncate(len(data))
    assert plan_memory(backend, params(sparse), []) == plan_memory(backend, params(whole), [])


def test_a_context_beyond_all_machines_is_refused_before_it_costs_memory(backend: Backend) -> None:
    with pytest.raises(LoadFailedError, match=r"64 x 16777216 tokens.*lower context_length"):
        plan_memory(backend, params(n_slots=64), [1 << 24])


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"cache_type_k": "q8_0"}, "can't make a context"), ({"is_embedding": True, "cache_type_k": "q8_0"}, "context")],
)
def test_what_a_load_would_refuse_is_refused_in_the_same_words(
    backend: Backend, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(LoadFailedError, match=reason) as planned:
        plan_memory(backend, params(**options), [])
    with pytest.raises(LoadFailedError) as loaded:
        load_model(backend, params(**options), lambda _stage, _fraction: None)
    assert planned.value.message == loaded.value.message
    assert planned.value.fields["log"]

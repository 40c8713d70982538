"""The plan against what llama.cpp then really reports; every byte, for every way to lay out a context."""

from __future__ import annotations

from typing import Any

import pytest

from lsrv.engine.llama.backend import Backend
from lsrv.engine.loading import load_model
from lsrv.engine.memory_plan import plan_memory
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import MemoryUse
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
    "all by itself": {"n_ctx_seq": 0, "n_slots": 0},
    "without extra buffers": {"use_extra_bufts": False},
}


def in_log_steps(memory: MemoryUse) -> list[float]:
    """Weights, KV cache, compute and output as llama.cpp's log rounds them."""
    sizes = (memory.weights_bytes, memory.kv_bytes, memory.compute_bytes, memory.output_bytes)
    return [round(size / (1 << 20), 2) for size in sizes]


def params(**options: object) -> LoadParams:
    given: dict[str, Any] = {"model_path": str(STORIES), "n_ctx_seq": 512, "n_slots": 2, "n_threads": 1}
    return LoadParams(**(given | options))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_plan_is_what_the_load_then_takes(backend: Backend, layout: dict[str, Any]) -> None:
    (planned,) = plan_memory(backend, params(**layout), []).contexts
    info = load_model(backend, params(**layout), lambda _stage, _fraction: None).info
    assert in_log_steps(planned.memory) == in_log_steps(info.memory)
    assert (planned.n_ctx_seq, planned.n_slots) == (info.n_ctx_seq, info.n_slots)

from __future__ import annotations

import pytest

from lsrv.engine.load.memory import memory_use
from tests.engine.conftest import LoadStories

MIB = 1024 * 1024


def test_buffers_are_summed_by_kind_and_by_device() -> None:
    use = memory_use(
        [
            "load_tensors:        CUDA0 model buffer size =   400.00 MiB",
            "load_tensors:   CPU_Mapped model buffer size =    62.50 MiB",
            "llama_kv_cache:      CUDA0 KV buffer size =   896.00 MiB",
            "sched_reserve:      CUDA0 compute buffer size =   300.75 MiB",
            "llama_context:        CPU  output buffer size =     0.50 MiB",
            "llama_context: n_ctx = 8192",
        ]
    )
    assert use.weights_bytes == int(462.5 * MIB)
    assert use.kv_bytes == 896 * MIB
    assert use.compute_bytes == int(300.75 * MIB)
    assert use.by_device == {"CUDA0": int(1596.75 * MIB), "CPU": 63 * MIB}


def test_the_kv_cache_reported_is_the_one_that_the_shape_needs(load_stories: LoadStories) -> None:
    info = load_stories(n_ctx_seq=512, n_slots=4).info
    n_layers, n_kv_embd, f16_bytes = 5, 4 * 8, 2
    assert info.memory.kv_bytes == 4 * 512 * n_layers * 2 * n_kv_embd * f16_bytes
    assert info.memory.weights_bytes > 0


def test_an_embedding_context_holds_one_batch_of_cells(load_stories: LoadStories) -> None:
    info = load_stories(is_embedding=True, n_ctx_seq=512, n_slots=32).info
    n_layers, n_kv_embd, f16_bytes = 5, 4 * 8, 2
    # llama.cpp's log has two decimals of a MiB.
    assert info.memory.kv_bytes == pytest.approx(512 * n_layers * 2 * n_kv_embd * f16_bytes, abs=0.01 * MIB)

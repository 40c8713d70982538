"""Writes LoRA adapters for stories260K: random matrices, strong enough to change every text."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import gguf
import numpy as np

from tests.models import STORIES

RANK = 4


def write_lora(
    path: Path, seed: int, *, strength: float = 1.0, arch: str = "llama", n_cut: int = 0, aloras: tuple[int, ...] = ()
) -> Path:
    """An adapter at `path` of every matrix in the model's blocks; `n_cut`: columns it is short of."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, arch)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, RANK)
    if aloras:
        key, value_type = gguf.Keys.Adapter.ALORA_INVOCATION_TOKENS, gguf.GGUFValueType
        writer.add_key_value(key, list(aloras), value_type.ARRAY, sub_type=value_type.UINT32)
    for name, n_in, n_out in _matrices():
        a = rng.standard_normal((RANK, n_in - n_cut)) / n_in**0.5
        b = strength * rng.standard_normal((n_out, RANK)) / n_out**0.5
        writer.add_tensor(f"{name}.lora_a", a.astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", b.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@cache
def _matrices() -> list[tuple[str, int, int]]:
    """Name, inputs and outputs of the matrices of all blocks."""
    tensors = gguf.GGUFReader(STORIES).tensors
    return [
        (each.name, int(each.shape[0]), int(each.shape[1]))
        for each in tensors
        if each.name.startswith("blk.") and len(each.shape) == 2
    ]

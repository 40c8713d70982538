"""Converted checkpoints of every architecture compute in llama.cpp what they compute in transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from tests.frontdoor.making.convert.agreement import agreement, converted, write_source
from tests.frontdoor.making.convert.cases import BY_NAME, CASES, Case

# Shares of the spread of the expected values. ggml looks GELU up in a table of half floats.
EXACT, TABLE = 1e-5, 4e-3
HALF = {"F16": 1e-2, "BF16": 1e-1}  # ggml rounds activations to the weights' type before it multiplies


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_logits_are_those_of_transformers(case: Case, tmp_path: Path) -> None:
    found = agreement(case, tmp_path)
    has_gelu = case.is_encoder or case.name.startswith("gemma")
    assert found.max_difference <= (TABLE if has_gelu else EXACT) * found.spread
    assert found.top1 == 1.0


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
@pytest.mark.parametrize("name", ["llama", "qwen3_moe", "gemma3"])
def test_half_precision_keeps_its_type_and_agrees_within_its_rounding(name: str, dtype: str, tmp_path: Path) -> None:
    found = agreement(BY_NAME[name], tmp_path, dtype)
    assert found.max_difference <= HALF[dtype] * found.spread
    types = {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(tmp_path / "made.gguf").tensors}
    assert types["blk.0.attn_q.weight"] == types["token_embd.weight"] == dtype
    assert types["blk.0.attn_norm.weight"] == "F32"


def test_shards_give_the_same_tensors_as_one_file(tmp_path: Path) -> None:
    one, many = (
        converted(write_source(BY_NAME["qwen3_moe"], tmp_path / str(n), n_files=n), tmp_path / f"{n}.gguf")
        for n in (1, 3)
    )
    others = {tensor.name: tensor.data for tensor in GGUFReader(many).tensors}
    tensors = GGUFReader(one).tensors
    assert len(tensors) == len(others)
    for tensor in tensors:
        np.testing.assert_array_equal(tensor.data, others[tensor.name])

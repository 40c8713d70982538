"""FP8 checkpoints: exact values, with scales per tensor, row and block."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from numpy.typing import NDArray

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.number_types import from_float32, to_float32
from tests.frontdoor.making.convert.agreement import converted, write_source
from tests.frontdoor.making.convert.cases import BY_NAME, EXPECTED
from tests.frontdoor.making.convert.weights import stored, weight, write_safetensors

BLOCK = 16
BF16 = 30  # ggml_type


@pytest.mark.parametrize("name", ["F8_E4M3", "F8_E5M2"])
def test_all_256_values_are_those_of_pytorch(name: str) -> None:
    expected = np.load(EXPECTED / "float8.npz")[name]
    np.testing.assert_array_equal(to_float32(np.arange(256, dtype=np.uint8), name), expected)


def test_bfloat16_rounds_to_nearest_even_and_keeps_nan() -> None:
    bits = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x7F800001, 0xFF800000], dtype=np.uint32)
    expected = np.array([0x3F80, 0x3F82, 0x3F81, 0x7FC0, 0xFF80], dtype=np.uint16)
    np.testing.assert_array_equal(from_float32(bits.view(np.float32), BF16), expected)


@pytest.mark.parametrize("kind", ["tensor", "row", "block"])
def test_scales_are_applied_before_rows_change_places(kind: str, tmp_path: Path) -> None:
    source = _quantized(tmp_path / "fp8", kind)
    plain = _plain(tmp_path / "plain", kind)
    expected = {tensor.name: tensor for tensor in GGUFReader(converted(plain, tmp_path / "plain.gguf")).tensors}
    for tensor in GGUFReader(converted(source, tmp_path / "fp8.gguf")).tensors:
        assert tensor.tensor_type == expected[tensor.name].tensor_type
        np.testing.assert_array_equal(tensor.data, expected[tensor.name].data, err_msg=tensor.name)


def test_fp8_without_scales_is_refused_by_name(tmp_path: Path) -> None:
    source = _quantized(tmp_path / "fp8", "none")
    with pytest.raises(ConvertError, match=r"\w_proj\.weight: is F8_E4M3 and has no weight_scale"):
        converted(source, tmp_path / "made.gguf")


def _codes_and_scales(name: str, shape: list[int], kind: str) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    rng = np.random.default_rng(len(name))
    codes = rng.integers(0, 0x60, shape, dtype=np.uint8) | (rng.integers(0, 2, shape, dtype=np.uint8) << 7)
    n_blocks = [-(-size // BLOCK) for size in shape]
    scale_shape = {"tensor": [], "row": [shape[0], 1], "block": n_blocks, "none": []}[kind]
    return codes, rng.uniform(0.5, 2.0, scale_shape).astype(np.float32)


def _is_quantized(name: str) -> bool:
    return name.endswith("_proj.weight")


def _shapes() -> dict[str, list[int]]:
    # 72 rows of k_proj are no multiple of 16: the last block is a part of one
    return json.loads((BY_NAME["llama-head-dim"].folder / "shapes.json").read_text())


def _quantized(folder: Path, kind: str) -> Path:
    write_source(BY_NAME["llama-head-dim"], folder)
    tensors: dict[str, NDArray[np.generic]] = {}
    dtypes: dict[str, str] = {}
    for name, shape in _shapes().items():
        if not _is_quantized(name):
            tensors[name], dtypes[name] = stored(weight(name, shape), "BF16"), "BF16"
            continue
        tensors[name], scale = _codes_and_scales(name, shape, kind)
        dtypes[name] = "F8_E4M3"
        if kind != "none":
            suffix = "_scale_inv" if kind == "block" else "_scale"
            tensors[name + suffix], dtypes[name + suffix] = scale, "F32"
    write_safetensors(folder / "model.safetensors", tensors, dtypes)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _plain(folder: Path, kind: str) -> Path:
    """The same numbers in bfloat16, rounded once."""
    write_source(BY_NAME["llama-head-dim"], folder)
    tensors: dict[str, NDArray[np.generic]] = {}
    for name, shape in _shapes().items():
        if not _is_quantized(name):
            tensors[name] = stored(weight(name, shape), "BF16")
            continue
        codes, scale = _codes_and_scales(name, shape, kind)
        factors = np.kron(scale, np.ones((BLOCK, BLOCK)))[: shape[0], : shape[1]] if kind == "block" else scale
        values = np.load(EXPECTED / "float8.npz")["F8_E4M3"][codes] * factors.astype(np.float32)
        tensors[name] = from_float32(values, BF16)
    write_safetensors(folder / "model.safetensors", tensors, "BF16")
    return folder

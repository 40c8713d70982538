"""Checkpoints of any shape with weights that depend on nothing but seed and name: the same here and in `refresh`."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 4
Shapes = dict[str, list[int]]


def weight(name: str, shape: list[int], seed: int = SEED) -> NDArray[np.float32]:
    """Matrices keep the size of what passes through them; norms lie about 1, biases about 0."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = rng.standard_normal(shape).astype(np.float32)
    if len(shape) > 1:
        return values if "embed" in name else values * np.float32(shape[-1] ** -0.5)
    is_norm = name.endswith("weight")
    return np.float32(0.1) * values + np.float32(1.0 if is_norm else 0.0)


def write_checkpoint(folder: Path, shapes: Shapes, dtype: str = "F32", n_files: int = 1) -> None:
    """model.safetensors, or `n_files` shards with their index."""
    tensors = {name: stored(weight(name, shape), dtype) for name, shape in shapes.items()}
    if n_files == 1:
        write_safetensors(folder / "model.safetensors", tensors, dtype)
        return
    files: dict[str, dict[str, NDArray[np.generic]]] = {}
    for index, (name, values) in enumerate(sorted(tensors.items())):
        files.setdefault(f"model-{index % n_files + 1:05d}-of-{n_files:05d}.safetensors", {})[name] = values
    for file, part in files.items():
        write_safetensors(folder / file, part, dtype)
    weight_map = {name: file for file, part in files.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def stored(values: NDArray[np.float32], dtype: str) -> NDArray[np.generic]:
    """As safetensors holds it. BF16 by cutting off, which is exact for values that came from there."""
    if dtype == "BF16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    return values.astype({"F32": np.float32, "F16": np.float16}[dtype])


def write_safetensors(path: Path, tensors: dict[str, NDArray[np.generic]], dtypes: str | dict[str, str]) -> None:
    header: dict[str, object] = {}
    offset = 0
    for name, values in tensors.items():
        dtype = dtypes if isinstance(dtypes, str) else dtypes[name]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(values.tobytes() for values in tensors.values()))

"""Writes GGUF files for tests, right ones and wrong ones, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

Pair = tuple[str, int, bytes]
STRING, ARRAY = 8, 9


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def string(key: str, value: str) -> Pair:
    return key, STRING, text(value)


def number(key: str, value: int) -> Pair:
    return key, 4, struct.pack("<I", value)


def flag(key: str, value: bool) -> Pair:
    return key, 7, struct.pack("<?", value)


def strings(key: str, values: Iterable[str]) -> Pair:
    parts = [text(value) for value in values]
    return key, ARRAY, struct.pack("<IQ", STRING, len(parts)) + b"".join(parts)


def tensor(name: str, dims: tuple[int, ...] = (32,), type_code: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, type_code, offset)


def gguf(
    pairs: Iterable[Pair] = (),
    tensors: Iterable[bytes] = (tensor("a"),),
    n_data_bytes: int = 128,
    version: int = 3,
    arch: str = "llama",
) -> bytes:
    """A file of `arch` with `pairs`, and one F32 tensor of 32 elements unless told otherwise."""
    pairs = [*([string("general.architecture", arch)] if arch else []), *pairs]
    tensors = list(tensors)
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    head += b"".join(text(key) + struct.pack("<I", code) + value for key, code, value in pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(n_data_bytes)


def write_model(path: Path, file_type: int | None = None, **options: object) -> Path:
    """A model at `path` that says `file_type` (a llama_ftype)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = [number("general.file_type", file_type)] if file_type is not None else []
    path.write_bytes(gguf(pairs, **options))  # type: ignore[arg-type]
    return path


def write_shards(folder: Path, stem: str, count: int, missing: tuple[int, ...] = ()) -> None:
    """A split model; the first part holds all keys, as llama-gguf-split writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number_ in range(1, count + 1):
        if number_ not in missing:
            data = gguf([("split.count", 2, struct.pack("<H", count))], arch="llama" if number_ == 1 else "")
            (folder / f"{stem}-{number_:05}-of-{count:05}.gguf").write_bytes(data)

"""A safetensors file is believed only as far as it is true."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.safetensors import read_tensors
from tests.frontdoor.making.convert.weights import write_safetensors


def _file(folder: Path, header: dict[str, Any] | bytes, n_data: int = 64, claimed: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if claimed is None else claimed
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", length) + text + bytes(n_data))
    return folder


def _entry(dtype: str = "F32", shape: list[int] | None = None, first: int = 0, last: int = 64) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape or [4, 4], "data_offsets": [first, last]}


def test_values_are_those_that_were_written(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_safetensors(tmp_path / "model.safetensors", {"a": values, "b": values[0]}, "F32")
    found = read_tensors(tmp_path)
    np.testing.assert_array_equal(found["a"].rows(), values)
    np.testing.assert_array_equal(found["b"].rows().reshape(-1), values[0])


@pytest.mark.parametrize(
    "header",
    [
        {"a": _entry(last=68)},  # beyond the file
        {"a": _entry(first=4, last=68)},
        {"a": _entry(shape=[4, 5])},  # more values than bytes
        {"a": _entry(shape=[2**33, 2**33])},  # a product beyond 64 bits
        {"a": _entry(shape=[-4, -4])},
        {"a": _entry(shape=[0, 4], last=0)},
        {"a": _entry(first=64, last=0)},
        {"a": _entry(), "b": _entry(first=32, last=96)},  # overlap
        {"a": _entry(), "b": _entry()},
        {"a": _entry(dtype="Q4_K")},
        {"a": _entry(shape=[1, 1, 1, 4, 4])},
    ],
)
def test_a_tensor_that_can_not_be_there_is_named(header: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match=r"model\.safetensors: [ab] "):
        read_tensors(_file(tmp_path, header))


@pytest.mark.parametrize(
    "header", [b"[]", b"{ ", b'{"a": 1}', b'{"a": {"dtype": 1}}', b"\xff\xfe", b'{"a":' * 5000, b'{"\xed\xa0\x80": 1}']
)
def test_a_damaged_header_is_an_error_that_says_so(header: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="can't be used"):
        read_tensors(_file(tmp_path, header))


@pytest.mark.parametrize("claimed", [0, 1, 2**20, 2**63, 2**64 - 1])
def test_a_header_longer_than_the_file_is_not_believed(claimed: int, tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="is no safetensors file, or not complete"):
        read_tensors(_file(tmp_path, b"{}", claimed=claimed))


def test_a_git_lfs_pointer_is_no_safetensors_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ConvertError, match="is no safetensors file"):
        read_tensors(tmp_path)


def test_shards_that_the_index_lists_must_be_there(tmp_path: Path) -> None:
    names = [f"model-0000{index}-of-00002.safetensors" for index in (1, 2)]
    write_safetensors(tmp_path / names[0], {"a": np.zeros(2, np.float32)}, "F32")
    index = {"weight_map": dict(zip("ab", names, strict=True))}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ConvertError, match=r"model-00002-of-00002\.safetensors is missing, of 2 parts"):
        read_tensors(tmp_path)


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    for index in (1, 2):
        write_safetensors(tmp_path / f"model-0000{index}-of-00002.safetensors", {"a": np.zeros(2, np.float32)}, "F32")
    with pytest.raises(ConvertError, match="a is in model-00001-of-00002"):
        read_tensors(tmp_path)


@given(st.data())
def test_any_change_of_a_byte_is_read_safely_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "model.safetensors"
    write_safetensors(path, {"a": np.zeros((3, 4), np.float32), "b": np.zeros(5, np.float32)}, "F32")
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 69))  # before the data
    content[position] = data.draw(st.integers(0, 255))
    n_kept = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:n_kept])
    try:
        found = read_tensors(folder)
    except ConvertError:
        return
    for tensor in found.values():
        assert tensor.rows().nbytes == tensor.n_bytes

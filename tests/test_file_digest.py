"""What a file holds, told by a name that changes with its contents, whatever its time says."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from lsrv.engine.prefix.fingerprint import fingerprint, stamps_of
from lsrv.file_digest import sampled_digest, samples, stamp_of
from lsrv.protocol.commands import LoadParams

N_BYTES = 40 * 1024 * 1024


def write(path: Path, data: bytes, mtime_ns: int = 10**18) -> None:
    path.write_bytes(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))


@pytest.mark.parametrize("at", [0, 2_000_001, N_BYTES // 2 + 77, N_BYTES - 1])
def test_a_byte_that_changes_in_place_changes_the_name_although_the_time_is_set_back(tmp_path: Path, at: int) -> None:
    path = tmp_path / "model.gguf"
    data = bytearray(random.Random(1).randbytes(N_BYTES))
    write(path, bytes(data))
    before = sampled_digest(stamp_of(path))
    assert sampled_digest(stamp_of(path)) == before
    data[at] ^= 1
    write(path, bytes(data))
    assert sampled_digest(stamp_of(path)) != before


def test_a_file_put_in_the_place_of_another_has_another_stamp(tmp_path: Path) -> None:
    path, other = tmp_path / "model.gguf", tmp_path / "other.gguf"
    write(path, b"a" * 4096)
    write(other, b"b" * 4096)
    before = stamp_of(path)
    other.replace(path)
    after = stamp_of(path)
    assert (before.n_bytes, before.mtime_ns) == (after.n_bytes, after.mtime_ns)
    assert after != before
    with pytest.raises(OSError, match="was changed meanwhile"):
        sampled_digest(before)


def test_samples_tell_a_fine_tune_from_its_base(tmp_path: Path) -> None:
    head = random.Random(2).randbytes(2 * 1024 * 1024)
    base, tuned = tmp_path / "base.gguf", tmp_path / "tuned.gguf"
    write(base, head + random.Random(3).randbytes(N_BYTES))
    write(tuned, head + random.Random(4).randbytes(N_BYTES))
    assert samples(base, base.stat().st_size) != samples(tuned, tuned.stat().st_size)
    tuned.write_bytes(base.read_bytes())
    assert samples(base, base.stat().st_size) == samples(tuned, tuned.stat().st_size)


def test_saved_prompts_are_not_exchanged_between_weights_that_look_alike(tmp_path: Path) -> None:
    path, tuned = tmp_path / "model.gguf", tmp_path / "tuned.gguf"
    head = random.Random(2).randbytes(2 * 1024 * 1024)
    write(path, head + b"a" * N_BYTES)
    write(tuned, head + b"b" * N_BYTES)
    params = LoadParams(model_path=str(path), cache_folder=str(tmp_path), cache_disk_bytes=1)
    loaded = stamps_of(params)
    name = fingerprint(params, loaded, "build")
    tuned.replace(path)
    with pytest.raises(OSError, match="was changed meanwhile"):
        sampled_digest.cache_clear()
        fingerprint(params, loaded, "build")
    assert fingerprint(params, stamps_of(params), "build") != name

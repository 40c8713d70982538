"""Which bytes a file holds, told in milliseconds: its size, its time, its beginning and samples of the rest."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

FileStamp = tuple[str, int, int]  # path, bytes, st_mtime_ns: changes when a file is replaced or written

_N_HEAD_BYTES = 1024 * 1024  # a GGUF's metadata and the shapes of its tensors; of large vocabularies the beginning
_N_SAMPLES = 64
_N_SAMPLE_BYTES = 64 * 1024


def stamp_of(path: Path) -> FileStamp:
    """The file as it is now, links followed. Raises OSError."""
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


@functools.lru_cache(maxsize=1024)
def sampled_digest(stamp: FileStamp) -> str:
    """A name for the contents of the file that `stamp` means; reads 5 MiB of it once. Raises OSError, also on a change.

    To hash gigabytes would take longer than most answers. Where times are all alike (containers, archives), the samples
    tell one fine-tune of a model from another: training changes weights everywhere.
    """
    path, n_bytes, mtime_ns = stamp
    digest = hashlib.sha256(f"{n_bytes} {mtime_ns}\n".encode())
    with Path(path).open("rb", buffering=0) as file:
        digest.update(file.read(_N_HEAD_BYTES))
        for i in range(_N_SAMPLES):
            file.seek(n_bytes * i // _N_SAMPLES)
            digest.update(file.read(_N_SAMPLE_BYTES))
    if stamp_of(Path(path)) != stamp:
        raise OSError(f"{path} was changed meanwhile")
    return digest.hexdigest()

"""Which bytes a file holds, told in milliseconds: its size, its times, its beginning and samples of the rest."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

_N_HEAD_BYTES = 1024 * 1024  # a GGUF's metadata and the shapes of its tensors; of large vocabularies the beginning
_N_SAMPLES = 64
_N_SAMPLE_BYTES = 64 * 1024


class FileStamp(NamedTuple):
    """A file as it was: changes when it is replaced or written, also by who sets its time back (`cp -p`, archives)."""

    path: str
    n_bytes: int
    mtime_ns: int
    ctime_ns: int  # the kernel's own: no program can choose it
    inode: int
    device: int


def stamp_of(path: Path) -> FileStamp:
    """The file as it is now, links followed. Raises OSError."""
    stat = path.stat()
    return FileStamp(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)


@functools.lru_cache(maxsize=1024)
def sampled_digest(stamp: FileStamp) -> str:
    """A name for the contents of the file that `stamp` means; reads 5 MiB of it once. Raises OSError, also on a change.

    To hash gigabytes would take longer than most answers and prompts. Where times are all alike (containers, archives),
    the samples tell one fine-tune of a model from another: training changes weights everywhere. What changes a few
    bytes in place and sets the time back is told by the time of change, which is the kernel's; so a file that was moved
    or copied is another one.
    """
    digest = hashlib.sha256(f"{stamp.n_bytes} {stamp.mtime_ns} {stamp.ctime_ns}\n".encode())
    digest.update(samples(Path(stamp.path), stamp.n_bytes))
    if stamp_of(Path(stamp.path)) != stamp:
        raise OSError(f"{stamp.path} was changed meanwhile")
    return digest.hexdigest()


def samples(path: Path, n_bytes: int) -> bytes:
    """The hash of the beginning of a file of `n_bytes` and of windows spread over all of it, its end among them."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        digest.update(file.read(_N_HEAD_BYTES))
        for index in range(_N_SAMPLES):
            file.seek(max(n_bytes - _N_SAMPLE_BYTES, 0) * index // (_N_SAMPLES - 1))
            digest.update(file.read(_N_SAMPLE_BYTES))
    return digest.digest()

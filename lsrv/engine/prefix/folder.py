"""Sequences on disk, from one load of a model to the next. One file each, read only when a prompt needs it.

    magic · lengths and checksum of the header · header (msgpack) · state as llama.cpp wrote it

All models share one folder and its bound; each has a folder in it for every set of settings that its states depend on.
Whatever is wrong with a file costs a line in the log and the file, never an answer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from lsrv.engine.adapters import NO_ADAPTERS, AdapterSet
from lsrv.engine.llama.memory import State
from lsrv.engine.llama.vocab import Tokens

_MAGIC = b"lsrvseq1"
_PREFIX = struct.Struct("<8sII")  # magic, length of the header, its CRC-32
_MAX_HEADER_BYTES = 64 * 1024 * 1024
_SUFFIX = ".sequence"
_PART_SUFFIX = ".part"
_N_FILES_MAX = 1024  # of all models: every load reads the headers of its own

_log = logging.getLogger(__name__)


class _Header(msgspec.Struct, array_like=True):
    n_shortest: int
    tokens: bytes  # little-endian int32
    n_state_bytes: int
    state_crc32: int


@dataclass(frozen=True, slots=True, eq=False)
class FiledSequence:
    """A sequence on disk, its header read and found sound."""

    path: Path
    tokens: Tokens
    n_shortest: int
    n_state_bytes: int
    state_crc32: int

    @property
    def adapters(self) -> AdapterSet:
        """None: a sequence with adapters never gets here."""
        return NO_ADAPTERS


class DamagedFileError(Exception):
    """A file that is not what its header says, or has no header."""


class SequenceFolder:
    """The files of one model under one set of settings, in a folder that holds at most `max_bytes` of all models."""

    def __init__(self, root: Path, fingerprint: str, max_bytes: int) -> None:
        self._root = root
        self._folder = root / fingerprint
        self._max_bytes = max_bytes
        self._sizes: dict[Path, int] = {}  # of all models' files, the last used last; see `take_stock`

    def list(self) -> list[FiledSequence]:
        """All sound files, the last used first. Others are deleted, with a line in the log."""
        return [filed for path in _by_last_use(self._folder.glob(f"*{_SUFFIX}")) if (filed := _read_header(path))]

    def read(self, filed: FiledSequence) -> State | None:
        """The state in a file, marked as used just now; None if it is gone or damaged."""
        try:
            with filed.path.open("rb") as file:
                file.seek(-filed.n_state_bytes, os.SEEK_END)
                state = np.fromfile(file, np.uint8)
            if len(state) != filed.n_state_bytes or zlib.crc32(state.data) != filed.state_crc32:
                raise DamagedFileError("its checksum is wrong")
            os.utime(filed.path)
        except (OSError, DamagedFileError) as error:
            _drop_damaged(filed.path, error)
            return None
        return state

    def take_stock(self) -> None:
        """Look what all models have here. Once before one writes: to look again for every file would take longer."""
        paths = (path for suffix in (_SUFFIX, _PART_SUFFIX) for path in self._root.glob(f"*/*{suffix}"))
        self._sizes = {path: _size(path) for path in reversed(_by_last_use(paths))}

    def write(self, tokens: Tokens, n_shortest: int, state: State) -> bool:
        """Keep a sequence; whether that could be done. Files of any model give way that were unused longest.

        Call `take_stock` before the first one.
        """
        header = msgspec.msgpack.encode(
            _Header(n_shortest, tokens.astype("<i4").tobytes(), len(state), zlib.crc32(state.data))
        )
        n_bytes = _PREFIX.size + len(header) + len(state)
        if not self._make_room(n_bytes):
            return False
        path = self._folder / f"{zlib.crc32(header):08x}{len(tokens):08x}{_SUFFIX}"
        part = path.with_suffix(_PART_SUFFIX)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(_PREFIX.pack(_MAGIC, len(header), zlib.crc32(header)))
                file.write(header)
                file.write(state.data)
            part.replace(path)
            self._sizes.pop(path, None)
            self._sizes[path] = n_bytes
        except OSError as error:
            _log.warning("can't keep a cached prompt on disk: path=%s reason=%s", path, error)
            part.unlink(missing_ok=True)
            return False
        return True

    def drop(self, filed: FiledSequence) -> None:
        """Delete a file that nobody needs any more."""
        filed.path.unlink(missing_ok=True)
        self._sizes.pop(filed.path, None)

    def _make_room(self, n_bytes: int) -> bool:
        """Delete what was unused longest until `n_bytes` more fit."""
        n_used = sum(self._sizes.values())
        while self._sizes and (n_used + n_bytes > self._max_bytes or len(self._sizes) >= _N_FILES_MAX):
            path = next(iter(self._sizes))
            path.unlink(missing_ok=True)
            n_used -= self._sizes.pop(path)
        return n_used + n_bytes <= self._max_bytes


def _read_header(path: Path) -> FiledSequence | None:
    try:
        with path.open("rb") as file:
            magic, n_header, crc32 = _PREFIX.unpack(file.read(_PREFIX.size))
            if magic != _MAGIC or n_header > _MAX_HEADER_BYTES:
                raise DamagedFileError("it does not begin as one of ours")
            raw = file.read(n_header)
            if len(raw) != n_header or zlib.crc32(raw) != crc32:
                raise DamagedFileError("its header is damaged")
            header = msgspec.msgpack.decode(raw, type=_Header)
            if os.fstat(file.fileno()).st_size != _PREFIX.size + n_header + header.n_state_bytes:
                raise DamagedFileError("it is not as long as it says")
    except (OSError, struct.error, msgspec.MsgspecError, DamagedFileError) as error:
        _drop_damaged(path, error)
        return None
    tokens = np.frombuffer(header.tokens, "<i4").astype(np.int32)
    return FiledSequence(path, tokens, header.n_shortest, header.n_state_bytes, header.state_crc32)


def _drop_damaged(path: Path, error: Exception) -> None:
    _log.warning("a cached prompt on disk is of no use and is deleted: path=%s reason=%s", path, error)
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _by_last_use(paths: Iterator[Path]) -> list[Path]:
    """Files of sequences, the last used first."""
    return sorted(paths, key=_used_at, reverse=True)


def _used_at(path: Path) -> float:
    with contextlib.suppress(OSError):  # another worker may have made room meanwhile
        return path.stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0

"""A file that is on its way: its bytes (`BLOB.part`) and a log of which of them are real (`BLOB.part.log`).

The log is a head of 512 bytes (JSON: version, etag, size_bytes, validator) and one record of 16 bytes per segment
(first byte, number of bytes; little endian). A record is overwritten in place after every write of data, so a process
that is killed at any moment loses at most what it had in hand. After a power cut data may be missing that the log
claims: that is what the final checksum is for.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lsrv.frontdoor.hub import HubFile
from lsrv.frontdoor.hub.fetch.spans import Span, merged, missing, n_bytes, n_leading

_VERSION = 1
_HEAD_BYTES = 512
_RECORD = struct.Struct("<QQ")


@dataclass
class Segment:
    """A piece that one connection fills from its beginning."""

    first: int
    end: int
    slot: int  # where its record stands in the log
    n_done: int = 0
    is_void: bool = False  # the part began anew: a thread that comes late must not write

    @property
    def position(self) -> int:
        """The next byte it wants."""
        return self.first + self.n_done

    @property
    def n_missing(self) -> int:
        return self.end - self.position


class Part:
    """Owned by whoever holds the blob's lock; its methods may be called from any thread. OSError means the disk."""

    def __init__(self, blob: Path, file: HubFile) -> None:
        """Continue what is there, if it is of the same file; else begin."""
        self.file = file
        self.epoch = 0  # grows when bytes that were held are given up
        self._blob = blob
        self._lock = threading.Lock()
        self._is_closed = False
        self._segments: list[Segment] = []
        self.validator, self._loaded = _read_log(blob, file)
        self.n_resumed = n_bytes(self._loaded)
        with ExitStack() as if_it_fails:
            self._data = _open(data_path(blob), if_it_fails)
            self._log = _open(_log_path(blob), if_it_fails)
            self._write_log()
            if_it_fails.pop_all()

    def held(self) -> list[Span]:
        """Merged spans of bytes that are here."""
        with self._lock:
            return self._held()

    def missing(self) -> list[Span]:
        return missing(self.held(), self.file.size_bytes)

    @property
    def n_held(self) -> int:
        return n_bytes(self.held())

    @property
    def n_leading(self) -> int:
        return n_leading(self.held())

    def begin(self, span: Span) -> Segment:
        """A segment for bytes that are missing."""
        with self._lock:
            segment = Segment(*span, slot=_HEAD_BYTES + _RECORD.size * (len(self._loaded) + len(self._segments)))
            self._segments.append(segment)
            return segment

    def append(self, segment: Segment, data: bytes) -> None:
        """The next bytes of a segment. Raises OSError (the disk is full) after keeping what still went in."""
        rest = memoryview(data)
        with self._lock:
            while rest and not segment.is_void:
                n_written = os.pwrite(self._data, rest, segment.position)
                segment.n_done += n_written
                rest = rest[n_written:]
                os.pwrite(self._log, _RECORD.pack(segment.first, segment.n_done), segment.slot)

    def rewind(self, segment: Segment) -> None:
        """Give up what a segment has: its bytes come once more."""
        with self._lock:
            if not segment.is_void:
                self.epoch += 1
                segment.n_done = 0
                os.pwrite(self._log, _RECORD.pack(segment.first, 0), segment.slot)

    def restart(self) -> None:
        """Give up every byte and all segments."""
        with self._lock:
            self._void_segments()
            self.epoch += 1
            self.n_resumed = 0
            self.validator = None
            self._loaded, self._segments = [], []
            os.ftruncate(self._data, 0)
            self._write_log()

    def note_validator(self, validator: str | None) -> None:
        """Remember what the server calls this version, for If-Range of this and later runs."""
        with self._lock:
            if validator != self.validator and not self._is_closed:
                self.validator = validator
                os.pwrite(self._log, self._head(), 0)

    def read(self, first: int, n_bytes_max: int) -> bytes:
        """Bytes that are held."""
        return os.pread(self._data, n_bytes_max, first)

    def become_blob(self) -> None:
        """Make it the finished file: on disk for good before it gets its name."""
        os.ftruncate(self._data, self.file.size_bytes)
        os.fsync(self._data)
        data_path(self._blob).replace(self._blob)
        folder = os.open(self._blob.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        _log_path(self._blob).unlink()

    def discard(self) -> None:
        """Delete the part and its log."""
        data_path(self._blob).unlink()
        _log_path(self._blob).unlink()

    def close(self) -> None:
        """What is held stays on disk; threads that come late write nothing."""
        with self._lock:
            self._void_segments()
            self._is_closed = True
            os.close(self._data)
            os.close(self._log)

    def _void_segments(self) -> None:
        for segment in self._segments:
            segment.is_void = True

    def _held(self) -> list[Span]:
        return merged([*self._loaded, *((each.first, each.position) for each in self._segments)])

    def _write_log(self) -> None:
        """The log of what was loaded; a record per span, and room for those of segments after them."""
        records = b"".join(_RECORD.pack(first, end - first) for first, end in self._loaded)
        os.pwrite(self._log, self._head() + records, 0)
        os.ftruncate(self._log, _HEAD_BYTES + len(records))

    def _head(self) -> bytes:
        head = {
            "version": _VERSION,
            "etag": self.file.etag,
            "size_bytes": self.file.size_bytes,
            "validator": self.validator,
        }
        text = json.dumps(head).encode()
        if len(text) >= _HEAD_BYTES:  # a validator of that length is not worth a place
            text = json.dumps(head | {"validator": None}).encode()
        return text.ljust(_HEAD_BYTES - 1) + b"\n"


def data_path(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.part")


def n_bytes_held(blob: Path, file: HubFile) -> int:
    """How much of `file` an earlier run left behind."""
    return n_bytes(_read_log(blob, file)[1])


def _open(path: Path, if_it_fails: ExitStack) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    if_it_fails.callback(os.close, descriptor)
    return descriptor


def _log_path(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.part.log")


def _read_log(blob: Path, file: HubFile) -> tuple[str | None, list[Span]]:
    """(validator, merged spans) of an earlier run; nothing if it was of another file or can't be understood."""
    try:
        log, n_bytes_there = _log_path(blob).read_bytes(), data_path(blob).stat().st_size
        head = json.loads(log[:_HEAD_BYTES])
    except (FileNotFoundError, ValueError):
        return None, []
    expected = {"version": _VERSION, "etag": file.etag, "size_bytes": file.size_bytes}
    if not isinstance(head, dict) or {key: head.get(key) for key in expected} != expected:
        return None, []
    whole = log[_HEAD_BYTES : len(log) - (len(log) - _HEAD_BYTES) % _RECORD.size]
    spans = [(first, min(first + n, n_bytes_there, file.size_bytes)) for first, n in _RECORD.iter_unpack(whole)]
    return head.get("validator"), merged(spans)

"""The hash of a file that is still arriving: follows the bytes that are there without a gap, so nothing is read later
than it must be, and what an earlier run left is hashed while the rest comes in."""

from __future__ import annotations

import hashlib

from lsrv.frontdoor.hub.fetch.part import Part
from lsrv.frontdoor.progress import Cancel

_BLOCK_BYTES = 1024 * 1024
_STEP_BYTES = 64 * 1024 * 1024  # a fraction of a second


class Checksum:
    """sha256 for LFS files; git's own sha1 for small ones. Used by one thread."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._start()

    def advance(self) -> bool:
        """Hash some of what has arrived; whether it has caught up."""
        if self._epoch != self._part.epoch:
            self._start()
        end = self._part.n_leading
        stop = min(end, self._n_hashed + _STEP_BYTES)
        while self._n_hashed < stop:
            block = self._part.read(self._n_hashed, min(_BLOCK_BYTES, stop - self._n_hashed))
            if not block:  # given up meanwhile; the epoch says so next time
                return False
            self._hash.update(block)
            self._n_hashed += len(block)
        return self._n_hashed == end

    def matches(self, cancel: Cancel) -> bool:
        """Whether the whole file is what the Hub promised; nobody may be writing any more."""
        while not self.advance():
            cancel.check()
        file = self._part.file
        return self._n_hashed == file.size_bytes and self._hash.hexdigest() == (file.sha256 or file.etag)

    def _start(self) -> None:
        file = self._part.file
        self._epoch = self._part.epoch
        self._n_hashed = 0
        is_lfs = file.sha256 is not None
        self._hash = hashlib.sha256() if is_lfs else hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)

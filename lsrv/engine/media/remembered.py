"""What pictures and sounds became: each goes through the projector once, as long as it is remembered."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from lsrv.engine.media.span import MediaSpan

if TYPE_CHECKING:
    from lsrv.engine.media.projector import Projector

MediaPart = MediaSpan | list[int]  # embeddings, or tokens around them

_MAX_BYTES = 128 * 1024 * 1024


class Remembered:
    """The embeddings that were made last. Belongs to the one thread that makes them."""

    def __init__(self, projector: Projector, max_bytes: int = _MAX_BYTES) -> None:
        self._projector = projector
        self._max_bytes = max_bytes
        self._parts: OrderedDict[bytes, list[MediaPart]] = OrderedDict()
        self.size_bytes = 0
        self.n_encoded = 0  # times that the projector had to work

    def parts(self, data: bytes, place: str) -> list[MediaPart]:
        """What stands in a prompt for `data`. Slow where it is new. Raises RequestError that names `place`."""
        digest = self._projector.digest(data)
        known = self._parts.get(digest)
        if known is not None:
            self._parts.move_to_end(digest)
            return known
        made = self._projector.spans(data, place)
        self.n_encoded += 1
        self._parts[digest] = made
        self.size_bytes += _size(made)
        while self.size_bytes > self._max_bytes and len(self._parts) > 1:
            _, gone = self._parts.popitem(last=False)
            self.size_bytes -= _size(gone)
        return made


def _size(parts: list[MediaPart]) -> int:
    return sum(part.embeddings.nbytes for part in parts if isinstance(part, MediaSpan))

"""The last lines a process wrote: llama.cpp's own last words, for whoever asks why a worker is gone."""

from __future__ import annotations

from collections import deque

_N_LINES = 200
_MAX_LINE_CHARS = 2000


class LogTail:
    """Keeps the last 200 lines of what it is fed, each cut to 2000 characters."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_N_LINES)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take bytes as they come from a pipe; a line may be spread over several calls."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend(_decode(line) for line in lines)
        if len(self._rest) > _MAX_LINE_CHARS:
            self._lines.append(_decode(self._rest))
            self._rest = b""

    def clear(self) -> None:
        """Forget all of it: the process begins anew."""
        self._lines.clear()
        self._rest = b""

    def lines(self) -> list[str]:
        """The kept lines, oldest first, with an unfinished last line if there is one."""
        return [*self._lines, _decode(self._rest)] if self._rest else list(self._lines)


def _decode(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")[:_MAX_LINE_CHARS]

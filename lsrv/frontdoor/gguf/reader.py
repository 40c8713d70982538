"""Bounded reading of a GGUF's values: every length is checked against the file before it is believed.

Reads through a buffer, not a memory map: a map of a file that someone truncates meanwhile kills the process (SIGBUS).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NoReturn, Protocol

from lsrv.errors import CorruptWeightsError

HEADER_BYTES_MAX = 256 * 1024 * 1024  # 262k tokens with merges take about 20 MB
N_STRINGS_MAX = 4_000_000  # of one array; bounds the time of a header that lies
_N_FIRST_BYTES = 1024 * 1024

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_STRING, _ARRAY = 8, 9
# gguf_type -> format of one value; strings and arrays apart.
_SCALARS = {
    code: struct.Struct("<" + letter)
    for code, letter in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}

GgufValue = int | float | bool | bytes | None


class Readable(Protocol):
    """A file read front to back, or what stands for one."""

    def read(self, size: int, /) -> bytes: ...


class GgufBytes:
    """A cursor over the header of the GGUF at `path`. Every method raises CorruptWeightsError with the offset."""

    def __init__(self, path: Path, file: Readable, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.offset = 0
        self._file = file
        self._buffer = bytearray()

    def fail(self, what: str, mend: str = "the file is damaged or not complete; download it again") -> NoReturn:
        """Refuse the file because of what stands at the current offset."""
        raise CorruptWeightsError(
            f"{self.path}: {what} (byte {self.offset}); {mend}", path=str(self.path), offset=self.offset
        )

    def take(self, n_bytes: int, what: str) -> bytes:
        """The next bytes, `n_bytes` of them."""
        start = self.offset
        self.skip(n_bytes, what)
        return bytes(self._buffer[start : self.offset])

    def skip(self, n_bytes: int, what: str) -> None:
        """Step over bytes that must be there."""
        end = self.offset + n_bytes
        if end > len(self._buffer):
            self._fill(end, what)
        self.offset = end

    def u32(self, what: str) -> int:
        self.skip(4, what)
        return int(_U32.unpack_from(self._buffer, self.offset - 4)[0])

    def u64(self, what: str) -> int:
        self.skip(8, what)
        return int(_U64.unpack_from(self._buffer, self.offset - 8)[0])

    def string(self, what: str, n_bytes_max: int) -> bytes:
        """A length and that many bytes, at most `n_bytes_max`."""
        length = self.u64(what)
        if length > n_bytes_max:
            self.fail(f"{what} of {length} bytes is longer than the {n_bytes_max} there may be")
        return self.take(length, what)

    def value(self, type_code: int, what: str, n_bytes_kept: int) -> GgufValue:
        """A value of GGUF type `type_code`. Arrays, and strings above `n_bytes_kept`, are stepped over: None."""
        if scalar := _SCALARS.get(type_code):
            self.skip(scalar.size, what)
            return scalar.unpack_from(self._buffer, self.offset - scalar.size)[0]
        if type_code == _STRING:
            length = self.u64(what)
            if length <= n_bytes_kept:
                return self.take(length, what)
            self.skip(length, what)
            return None
        if type_code == _ARRAY:
            self._skip_array(what)
            return None
        self.fail(f"{what} has type {type_code}, which GGUF does not know")

    def _skip_array(self, what: str) -> None:
        type_code, n = self.u32(what), self.u64(what)
        if scalar := _SCALARS.get(type_code):
            self.skip(n * scalar.size, what)
        elif type_code == _STRING:
            self._skip_strings(n, what)
        else:
            self.fail(f"{what} is an array of type {type_code}, which GGUF does not know")

    def _skip_strings(self, n: int, what: str) -> None:
        """Half a million of them in a large vocabulary: hence the local names and no call per string."""
        if n > N_STRINGS_MAX:
            self.fail(f"{what} claims {n} strings, more than the {N_STRINGS_MAX} there may be")
        unpack, buffer, offset = _U64.unpack_from, self._buffer, self.offset
        for _ in range(n):
            if offset + 8 > len(buffer):
                self._fill(offset + 8, what)
            offset += 8 + unpack(buffer, offset)[0]
        self.skip(offset - self.offset, what)

    def _fill(self, end: int, what: str) -> None:
        """Have the first `end` bytes of the file in the buffer."""
        if end > self.size_bytes:
            self.fail(f"{what} goes on to byte {end}, but the file ends at {self.size_bytes}")
        if end > HEADER_BYTES_MAX:
            self.fail(f"{what} goes on to byte {end}, past the {HEADER_BYTES_MAX} a header may take")
        wanted = min(max(end, 2 * len(self._buffer), _N_FIRST_BYTES), self.size_bytes, HEADER_BYTES_MAX)
        self._buffer += self._file.read(wanted - len(self._buffer))
        if end > len(self._buffer):
            self.fail(f"{what} goes on to byte {end}, but the file got shorter meanwhile")

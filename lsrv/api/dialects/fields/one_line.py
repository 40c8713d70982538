"""JSON on one line, for streams whose readers know lines by other signs than `\\n`, too. Pure."""

from __future__ import annotations

import msgspec

_LINE_BREAKS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))

_encode = msgspec.json.Encoder().encode


def written(value: object) -> bytes:
    """JSON that is one line for everybody: some readers (Python's `str.splitlines`) know other line breaks, too."""
    raw = _encode(value)
    if b"\xe2\x80" in raw or b"\xc2\x85" in raw:
        for sign, escaped in _LINE_BREAKS:
            raw = raw.replace(sign, escaped)
    return raw

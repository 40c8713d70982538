"""What kind of picture or sound some bytes are, by how they begin. Pure."""

from __future__ import annotations

_BEGINNINGS = {b"\x89PNG": "png", b"\xff\xd8": "jpeg", b"GIF8": "gif", b"BM": "bmp", b"fLaC": "flac", b"ID3": "mp3"}
_IN_RIFF = {b"WEBP": "webp", b"WAVE": "wav"}
_SOUNDS = frozenset({"wav", "mp3", "flac"})


def media_format(data: bytes) -> str | None:
    """ "png", "jpeg", "gif", "bmp", "webp", "wav", "mp3" or "flac"; None for anything else."""
    if data[:4] == b"RIFF":
        return _IN_RIFF.get(data[8:12])
    known = next((name for start, name in _BEGINNINGS.items() if data.startswith(start)), None)
    is_frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0  # MPEG's sync word
    return known or ("mp3" if is_frame else None)


def is_sound(data: bytes) -> bool:
    return media_format(data) in _SOUNDS

"""JSON files of strangers: bounded, decoded to known types, and every fault of them an error that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from lsrv.errors import ConvertError

_BYTES_MAX = 256 * 1024 * 1024  # tokenizer.json of 262k tokens takes 35 MB

T = TypeVar("T")


def read_bytes(path: Path) -> bytes:
    """The content of a file of sane size. Raises ConvertError if it is missing or too long."""
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise ConvertError(f"{path}: longer than the {_BYTES_MAX} bytes such a file may have")
        return path.read_bytes()
    except OSError as error:
        raise ConvertError(f"{path}: can't be read ({error.strerror}); fetch the whole repository again") from None


def decode(data: bytes, kind: type[T], path: Path) -> T:
    """`data`, which came from `path`, as a `kind`. Raises ConvertError."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConvertError(f"{path}: can't be used ({error}); fetch the file again") from None


def read_object(path: Path) -> dict[str, object]:
    """The JSON object in `path`. Raises ConvertError."""
    return decode(read_bytes(path), dict[str, object], path)


def read_optional(path: Path) -> dict[str, object]:
    """The object in a file, as by `read_object`; {} where there is no such file."""
    return read_object(path) if path.is_file() else {}


def read_text(path: Path) -> str:
    """A text file. Raises ConvertError."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ConvertError(f"{path}: is no UTF-8 text ({error.reason}); fetch the file again") from None

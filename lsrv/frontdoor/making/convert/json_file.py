"""JSON files of strangers: bounded, decoded to known types, and every fault of them an error that names the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.source_files import CONFIG, files_needed, is_weights
from lsrv.units import size

FILE_BYTES_MAX = 256 * 1024 * 1024  # tokenizer.json of 262k tokens takes 35 MB
CONFIG_BYTES_MAX = 4 * 1024 * 1024  # config.json, which the server itself reads, has a few KB

T = TypeVar("T")


def read_bytes(path: Path, n_most: int = FILE_BYTES_MAX) -> bytes:
    """The content of a file of sane size. Raises ConvertError if it is missing, no file, or too long."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ConvertError(f"{path}: there is no such file; fetch the whole repository again")
        with path.open("rb") as file:
            data = file.read(min(n_most, path.stat().st_size) + 1)  # so much is set aside before anything is read
    except OSError as error:
        raise ConvertError(f"{path}: can't be read ({error.strerror}); fetch the whole repository again") from None
    if len(data) > n_most:
        raise ConvertError(f"{path}: longer than the {size(n_most)} such a file may have; fetch it again")
    return data


def decode(data: bytes, kind: type[T], path: Path) -> T:
    """`data`, which came from `path`, as a `kind`. Raises ConvertError."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConvertError(f"{path}: can't be used ({error}); fetch the file again") from None


def read_object(path: Path) -> dict[str, object]:
    """The JSON object in `path`. Raises ConvertError."""
    return decode(read_bytes(path), dict[str, object], path)


def read_config(path: Path) -> dict[str, object]:
    """The object in a config.json, which is short. Raises ConvertError."""
    return decode(read_bytes(path, CONFIG_BYTES_MAX), dict[str, object], path)


def read_optional(path: Path) -> dict[str, object]:
    """The object in a file, as by `read_object`; {} where there is no such file."""
    return read_object(path) if path.is_file() else {}


def read_text(path: Path) -> str:
    """A text file. Raises ConvertError."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ConvertError(f"{path}: is no UTF-8 text ({error.reason}); fetch the file again") from None


def require_sane(sizes: Mapping[str, int]) -> None:
    """Nothing of it is fetched if a file that would be read whole is too long; bytes by name. Raises ConvertError."""
    for name in files_needed(sizes):
        n_most = CONFIG_BYTES_MAX if name == CONFIG else FILE_BYTES_MAX
        if not is_weights(name) and sizes[name] > n_most:
            raise ConvertError(f"its {name} has {size(sizes[name])}, and such a file may have {size(n_most)}")

"""The shape every table of the config shares, and the value types that are not plain TOML."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from lsrv.model_id import ModelId
from lsrv.units import parse_size

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_MAX_CHARS = (
    64  # of a duration: clients write them, too, and looking for units in digits takes the square of their number
)
_LONGEST_S = 100 * 365 * 86400.0

T = TypeVar("T")


class Table(BaseModel):
    """One table: frozen, no unknown keys, no conversions ("8" is not 8)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


def parse_duration(value: object) -> float:
    """Seconds of "10m", "1h30m", "500ms", "30", 30 or 0.5; math.inf of "-1" and of every other negative one.

    Raises ValueError with what to write instead.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _bounded(value, value)
    if not isinstance(value, str):
        raise ValueError(f'{shown(value)} is not a duration; write seconds (30) or text such as "10m", "1h30m", "-1"')
    text = value.strip().lower()
    if re.fullmatch(r"-?\d{1,18}(\.\d+)?", text):
        return _bounded(float(text), value)
    parts = text.removeprefix("-")
    if 0 < len(parts) <= _MAX_CHARS and not _PART.sub("", parts):
        seconds = sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(parts))
        return _bounded(-seconds if text != parts else seconds, value)
    raise ValueError(
        f'{shown(value)} is not a duration; write seconds (30) or text such as "10m", "1h30m", "-1" (never)'
    )


def parse_bytes(value: object) -> int:
    """Bytes of "2GiB", "800 MB" or a number of them. Raises ValueError with what to write instead."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        return parse_size(value)
    raise ValueError(f'{shown(value)} is no size; write it like "12GiB" or "800MiB"')


def _bounded(seconds: float, value: object) -> float:
    if seconds < 0:
        return math.inf
    if not seconds <= _LONGEST_S:
        raise ValueError(f'{shown(value)} is too long a time; write "-1" for never')
    return float(seconds)


def shown(value: object) -> str:
    """`value` as it would stand in TOML, cut to what fits a message."""
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def as_strings(value: object) -> tuple[str, ...]:
    """A string or a list of strings as a tuple. Raises ValueError on anything else."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
        if all(isinstance(item, str) for item in items):
            return tuple(cast("list[str]", items))
    raise ValueError("neither a string nor a list of strings; put quotes around each")  # no echo: it may be a key


def as_tuple(value: object) -> object:
    """A TOML array as the tuple that a frozen model keeps; what is no array stays for the type check to refuse."""
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def checked(check: Callable[[T], str | None]) -> Callable[[T], T]:
    """A pydantic validator of `check`, which returns what is wrong and what to do, or None."""

    def validate(value: T) -> T:
        if problem := check(value):
            raise ValueError(problem)
        return value

    return validate


_DURATION_SCHEMA = {
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\s*(-?\d+(\.\d+)?|(\d+(\.\d+)?(ms|s|m|h|d))+)\s*$"}]
}
BYTES_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
_STRINGS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

Seconds = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
Bytes = Annotated[int, BeforeValidator(parse_bytes), WithJsonSchema(BYTES_SCHEMA)]
Strings = Annotated[tuple[str, ...], BeforeValidator(as_strings), WithJsonSchema(_STRINGS_SCHEMA)]


def split_files(value: object) -> tuple[str, ...]:
    """mistral.rs joins file names with ";"."""
    names = value.split(";") if isinstance(value, str) else as_strings(value)
    return tuple(name.strip() for name in names if name.strip())


def on_off(value: object) -> object:
    """A switch may be written as true or false."""
    return ("on" if value else "off") if isinstance(value, bool) else value


RESERVED_ID = "default"


def _name_problem(name: str) -> str | None:
    if not name or name != name.strip() or not name.isprintable() or len(name) > 512:
        return f"{shown(name)} can't be a name; write 1 to 512 visible characters without blanks around them"
    if name == RESERVED_ID:
        return f'"{RESERVED_ID}" is reserved for the default model; choose another name'
    return None


def _names_problem(names: tuple[str, ...]) -> str | None:
    return next((problem for problem in map(_name_problem, names) if problem), None)


Name = Annotated[str, AfterValidator(checked(_name_problem))]
CanonicalName = Annotated[ModelId, AfterValidator(checked(_name_problem))]
OtherNames = Annotated[Strings, AfterValidator(checked(_names_problem))]

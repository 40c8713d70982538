"""A model's config.json as values of known types. Strangers wrote it: every value is checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from lsrv.echo import echo
from lsrv.errors import ConvertError

ConfigJson = Mapping[str, object]
T = TypeVar("T")

_INT32_MAX = 2**31 - 1
_NUMBER_MAX = 3.4e38  # of a float32, in which a GGUF has them


class Config:
    """Values by name; `text_config` of a multimodal model lies on top, `defaults` below. All raise ConvertError."""

    def __init__(self, values: ConfigJson, defaults: ConfigJson | None = None) -> None:
        self.values: ConfigJson = {**(defaults or {}), **_said(values), **_said(as_object(values.get("text_config")))}

    def integer(self, *names: str, at_least: int = 1, at_most: int = _INT32_MAX) -> int:
        """The first of `names` that is there; one of them must be."""
        value = self.optional_integer(*names, at_least=at_least, at_most=at_most)
        if value is None:
            raise ConvertError(f"config.json has no {names[0]}; it is not complete, fetch it again")
        return value

    def optional_integer(self, *names: str, at_least: int = 1, at_most: int = _INT32_MAX) -> int | None:
        for name in names:
            value = self.values.get(name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not at_least <= value <= at_most:
                raise ConvertError(f"config.json: {name} = {_shown(value)} is no number from {at_least} to {at_most}")
            return value
        return None

    def number(self, *names: str) -> float:
        value = self.optional_number(*names)
        if value is None:
            raise ConvertError(f"config.json has no {names[0]}; it is not complete, fetch it again")
        return value

    def optional_number(self, *names: str) -> float | None:
        return next((found for name in names if (found := number(self.values, name)) is not None), None)

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> bool:
        """False unless it is there and true."""
        return self.values.get(name) is True

    def object(self, name: str) -> ConfigJson:
        """{} where there is none."""
        return as_object(self.values.get(name))

    def block_size(self) -> tuple[int, int] | None:
        """Rows and columns of the blocks that share an FP8 scale; None where they don't come in blocks."""
        storage = Config(self.object("quantization_config"))
        match storage.integers("weight_block_size"):
            case [int(n_rows), int(n_cols)] if n_rows > 0 and n_cols > 0:
                return n_rows, n_cols
            case _:
                return None

    def texts(self, name: str) -> list[str] | None:
        """A list of strings; None where there is none."""
        return _list_of(str, self.values.get(name))

    def integers(self, name: str) -> list[int] | None:
        return _list_of(int, self.values.get(name))


def _said(values: ConfigJson) -> ConfigJson:
    return {name: value for name, value in values.items() if value is not None}


def as_object(value: object) -> ConfigJson:
    """`value` if it is a JSON object, else {}."""
    return cast("ConfigJson", value) if isinstance(value, dict) else {}


def as_objects(value: object) -> list[ConfigJson]:
    """The objects in `value` if it is a list, else []."""
    return [as_object(each) for each in cast("list[object]", value)] if isinstance(value, list) else []


def number(values: ConfigJson, name: str) -> float | None:
    """A finite number, or None where there is none. Raises ConvertError for anything else."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _NUMBER_MAX:
        raise ConvertError(f"config.json: {name} = {_shown(value)} is no finite number")
    return float(value)


def numbers(values: ConfigJson, name: str) -> list[float] | None:
    """A list of numbers; None where there is none."""
    value = values.get(name)
    if not isinstance(value, list):
        return None
    given = cast("list[object]", value)
    return [float(each) for each in given if isinstance(each, int | float) and abs(each) <= _NUMBER_MAX]


def _shown(value: object) -> str:
    return echo(repr(value))


def _list_of(kind: type[T], value: object) -> list[T] | None:
    if not isinstance(value, list):
        return None
    return [each for each in cast("list[object]", value) if isinstance(each, kind)]

"""What is wrong with a config, in one line each: `FILE:LINE: key.path: what is wrong; what to do`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from lsrv.config.advice.table_slips import table_slip
from lsrv.config.keys import nearest, pattern_of
from lsrv.config.layer import ConfigPlace, KeyPath, Layer, as_tables
from lsrv.config.table import shown
from lsrv.errors import ConfigError

# pydantic's error type -> our sentence, from the input and pydantic's context (pydantic.dev/errors).
_SENTENCES: dict[str, Callable[[object, dict[str, Any]], str]] = {
    "missing": lambda value, context: "is missing; add it",
    "bool_type": lambda value, context: f"{shown(value)} is not true or false; write one of them without quotes",
    "int_type": lambda value, context: f"{shown(value)} is not a whole number; write one without quotes",
    "float_type": lambda value, context: f"{shown(value)} is not a number; write one without quotes",
    "string_type": lambda value, context: "not a string; put quotes around it",  # no echo: it may be a key
    "tuple_type": lambda value, context: "not a list; put [ ] around it",
    "literal_error": lambda value, context: f"{shown(value)} is not possible; write {_choices(context['expected'])}",
    "greater_than_equal": lambda value, context: f"{shown(value)} is too small; at least {context['ge']}",
    "greater_than": lambda value, context: f"{shown(value)} is too small; above {context['gt']}",
    "less_than_equal": lambda value, context: f"{shown(value)} is too large; at most {context['le']}",
    "less_than": lambda value, context: f"{shown(value)} is too large; below {context['lt']}",
    "string_too_short": lambda value, context: "is empty; write something, or remove it",
    "value_error": lambda value, context: str(context["error"]),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    place: ConfigPlace
    key: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place), self.key, self.text) if part)


def problem(layer: Layer, path: KeyPath, text: str) -> Problem:
    """`text` about the key at `path` of `layer`."""
    return Problem(layer.place(path), key_text(layer, path), text)


def key_text(layer: Layer, path: KeyPath) -> str:
    """A path as a person would write it: `models["qwen3-4b"].context.slots`."""
    text = ""
    for depth, part in enumerate(path):
        if isinstance(part, str):
            text += f".{part}" if text else part
        elif depth == 1 and path[0] in ("models", "routes"):
            text += f"[{_entry_name(layer, path[0], part)}]"
        else:
            text += f"[{part}]"
    return text


def config_error(problems: list[Problem]) -> ConfigError:
    """All problems as one error, one line each, in the order of the files and their lines."""
    ordered = sorted(set(problems), key=lambda each: (each.place.label, each.place.line or 0, each.key, each.text))
    return ConfigError("\n".join(map(str, ordered)), param=ordered[0].key or None)


def validation_problems(layer: Layer, error: ValidationError) -> list[Problem]:
    """pydantic's findings about `layer.raw` in our words."""
    return [
        problem(layer, found["loc"], _sentence(found["type"], found["loc"], found["input"], found.get("ctx", {})))
        for found in error.errors(include_url=False)
    ]


def _sentence(kind: str, path: KeyPath, value: object, context: dict[str, Any]) -> str:
    if kind == "extra_forbidden":
        near = nearest(path)
        return f'unknown key; did you mean "{near}"?' if near else "unknown key; remove it"
    if kind == "tuple_type" and isinstance(value, dict):
        return f"not a list; write [[{'.'.join(pattern_of(path))}]] with two brackets, once for each"
    if kind in ("dict_type", "model_type"):
        return table_slip(pattern_of(path), value)
    if kind in _SENTENCES:
        return _SENTENCES[kind](value, context)
    return f"not possible ({kind}); see `lsrv config schema`"


def _choices(expected: str) -> str:
    return expected.replace("'", '"')


def _entry_name(layer: Layer, table: str, index: int) -> str:
    entries = as_tables(layer.raw.get(table))
    name = entries[index].get("model_id") if index < len(entries) else None
    return shown(name) if isinstance(name, str) else f"#{index + 1}"

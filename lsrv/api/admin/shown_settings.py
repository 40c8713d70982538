"""The settings in force, as an operator may read them: what may hold a secret is left out. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from lsrv.config import Settings
from lsrv.config.table import Table

_HIDDEN = "(hidden)"


def shown_settings(settings: Settings) -> dict[str, object]:
    """`settings` by the keys of models.toml, in JSON's types; "-1" is what never ends."""
    return _table(settings)


def _table(table: Table) -> dict[str, object]:
    shown: dict[str, object] = {}
    for attribute, field in type(table).model_fields.items():
        value = getattr(table, attribute)
        if not field.repr and value:  # keys, tokens, headers: the config hides them from logs by the same mark
            shown[field.alias or attribute] = _HIDDEN
        elif value is not None:
            shown[field.alias or attribute] = _value(value)
    return shown


def _value(value: object) -> object:
    if isinstance(value, Table):
        return _table(value)
    if isinstance(value, Mapping):
        return {str(key): _value(each) for key, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_value(each) for each in cast("list[object]", value)]
    if isinstance(value, float) and math.isinf(value):
        return "-1"
    return value if isinstance(value, (bool, int, float)) else str(value)

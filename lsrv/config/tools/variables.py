"""`${NAME}` in texts of a config: a secret stands in the environment, and the config says where. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def missing_variables(text: str, environ: Mapping[str, str]) -> list[str]:
    """Names that `text` needs, and that are neither set nor have a value to fall back to (`${NAME:-value}`)."""
    return [found[1] for found in _VARIABLE.finditer(text) if found[1] not in environ and found[2] is None]


def with_variables(text: str, environ: Mapping[str, str]) -> str:
    """`text` with values in the place of variables; those that are missing become empty."""
    return _VARIABLE.sub(lambda found: environ.get(found[1], found[2] or ""), text)

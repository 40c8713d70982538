"""The JSON Schema of models.toml, for editors."""

from __future__ import annotations

from typing import Any, cast

from lsrv.config.not_yet import NOT_YET
from lsrv.config.settings import Settings


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) with the TOML names; keys that are not in this version yet say so."""
    schema = Settings.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "lsrv models.toml"
    for entry in NOT_YET:
        found = _find(schema, entry.key.split("."))
        if found is not None:
            note = f"Not in this version yet: {entry.mend}."
            found["description"] = " ".join(filter(None, (found.get("description"), note)))
    return schema


def _find(schema: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    """The schema of the key at `path`, through lists and references."""
    table = schema
    for depth, part in enumerate(path):
        found = cast("dict[str, Any] | None", table.get("properties", {}).get(part))
        if found is None or depth == len(path) - 1:
            return found
        name = found.get("$ref") or found.get("items", {}).get("$ref") or ""
        table = schema["$defs"][name.rpartition("/")[2]]
    return None

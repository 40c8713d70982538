"""How large an object may be. Pure."""

from __future__ import annotations

from lsrv.engine.grammar.schema.path import Schema, SchemaPath, as_list, as_schema

# Each makes the first key of an object four ways longer, of which llguidance follows 2000; compiling takes time as n².
_MAX_OPTIONAL = 480


def check_size(schema: Schema, place: SchemaPath) -> None:
    """Raises ValueError for an object with too many keys that may be left out."""
    required = {name for name in as_list(schema.get("required")) if isinstance(name, str)}
    n_optional = len(as_schema(schema.get("properties")).keys() - required)
    if n_optional > _MAX_OPTIONAL:
        raise place.refusal(
            f"an object has {n_optional} properties that may be left out; {_MAX_OPTIONAL} are allowed;"
            " name more of them in required"
        )

"""How an answer's white space is written, where its schema's own `x-guidance` says nothing of it. Pure.

https://github.com/guidance-ai/llguidance/blob/main/docs/json_schema.md#whitespace-handling
"""

from __future__ import annotations

from lsrv.engine.grammar.schema.closing import schemas_in
from lsrv.engine.grammar.schema.path import Schema, as_list, as_schema

# What models write by themselves. With one way to write it most of a document is forced.
_FIXED: Schema = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# Where a model may choose its keys it wants to break the line behind "{", and writes junk if it may not. Bounded, for
# some would write nothing else.
_FREE: Schema = {"whitespace_pattern": r"\x20|\x0A\x20{0,24}"}
# Never weaker than the schema, whoever asks for it. That alternatives of oneOf are disjoint was seen to.
_STRICT: Schema = {"lenient": False, "coerce_one_of": True}


def guided(schema: Schema) -> Schema:
    """`schema`, one that was made to be kept, with the guidance to compile it by."""
    own = as_schema(schema.get("x-guidance"))
    return schema | {"x-guidance": (own or (_FIXED if _forces_keys(schema) else _FREE)) | _STRICT}


def _forces_keys(schema: Schema) -> bool:
    """Whether any object of it has a key that must be there."""
    return any(as_list(each.get("required")) or "const" in each or "enum" in each for each in schemas_in(schema))

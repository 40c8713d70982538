"""How an answer's white space is written, where its schema's own `x-guidance` says nothing of it. Pure.

https://github.com/guidance-ai/llguidance/blob/main/docs/json_schema.md#whitespace-handling
"""

from __future__ import annotations

from lsrv.engine.grammar.schema.path import Schema, as_schema

# What models write by themselves. With one way to write it most of a document is forced.
_FIXED: Schema = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# Never weaker than the schema, whoever asks for it. That alternatives of oneOf are disjoint was seen to.
_STRICT: Schema = {"lenient": False, "coerce_one_of": True}


def guided(schema: Schema) -> Schema:
    """`schema`, one that was made to be kept, with the guidance to compile it by."""
    own = as_schema(schema.get("x-guidance"))
    return schema | {"x-guidance": (own or _FIXED) | _STRICT}

"""The OpenAPI 3.1 document, made from the same structs that decode the bodies."""

from __future__ import annotations

from functools import cache

import msgspec

from lsrv import __version__
from lsrv.api.http.access import Needs
from lsrv.api.routing.route import ID, JSON, PART, Route

_REF = "#/components/schemas/{name}"


_ERROR_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}


@cache
def openapi_body(routes: tuple[Route, ...]) -> bytes:
    """The document as JSON."""
    bodies = [route.body for route in routes if route.body is not None]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=_REF, schema_hook=_any_schema)
    schema_of = dict(zip(bodies, schemas, strict=True))
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of.get(route.body))
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "lsrv",
                "version": __version__,
                "description": "Many GGUF models on one OpenAI-compatible port. /v1/… routes answer without /v1, too.",
            },
            "paths": paths,
            "components": {
                "schemas": components | {"Error": _ERROR_SCHEMA},
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"key": []}],
        }
    )


def _any_schema(kind: type) -> dict[str, object]:
    """`object` and `Raw` are what msgspec has no schema for: any JSON value."""
    if kind not in (object, msgspec.Raw):
        raise NotImplementedError
    return {"description": "Any JSON value."}


def _operation(route: Route, body: dict[str, object] | None) -> dict[str, object]:
    content: dict[str, object] = {media_type: {} for media_type in route.media_types}
    error = {"description": "What was wrong", "content": {JSON: {"schema": {"$ref": _REF.format(name="Error")}}}}
    operation: dict[str, object] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_')}",
        "responses": {"200": {"description": "Done", "content": content}, "default": error},
    }
    names = [name[1:-1] for name in (ID, PART) if name in route.path]
    if names:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    if route.needs is Needs.NOTHING:
        operation["security"] = []
    if route.needs is Needs.ADMIN_KEY:
        operation["description"] = "Needs one of the admin_keys, where there are any."
    return operation

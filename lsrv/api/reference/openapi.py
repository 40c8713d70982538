"""The OpenAPI 3.2 document, made from the routes, the types that decode their bodies, and those of their answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from lsrv import __version__
from lsrv.api.http.access import Needs
from lsrv.api.http.errors import ErrorShape
from lsrv.api.reference.answers import AnswerTypes, answer_types
from lsrv.api.reference.refusals import refusal_type, refusals
from lsrv.api.routing.route import ID, JSON, LINES, PART, Route

_REF = "#/components/schemas/{name}"
_REFUSAL = "#/components/responses/{name}"
_FOR_ALL = frozenset((400, 401, 403, 408, 431, 500))  # what may be said where no model and no body is asked for
Json = dict[str, object]
Schemas = Mapping[object, Json]


@cache
def openapi_body(routes: tuple[Route, ...]) -> bytes:
    """The document as JSON."""
    types = list(dict.fromkeys(_types(routes)))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF, schema_hook=_any_schema)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return msgspec.json.encode(
        {
            "openapi": "3.2.0",
            "info": {
                "title": "lsrv",
                "version": __version__,
                "description": "Many GGUF models on one OpenAI-compatible port. /v1/… routes answer without /v1, too.",
            },
            "paths": paths,
            "components": {
                "schemas": components,
                "responses": {
                    name: each for shape in _shapes(routes) for name, each in _named_refusals(shape, schema_of).items()
                },
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"key": []}],
        }
    )


def _types(routes: Iterable[Route]) -> Iterable[object]:
    for route in routes:
        answer = answer_types(route.method, route.path)
        found = (route.body, answer.whole, answer.event, refusal_type(route.errors))
        yield from (each for each in found if each is not None)


def _any_schema(kind: type) -> dict[str, object]:
    """`object` and `Raw` are what msgspec has no schema for: any JSON value."""
    if kind not in (object, msgspec.Raw):
        raise NotImplementedError
    return {"description": "Any JSON value."}


def _operation(route: Route, schema_of: Schemas) -> Json:
    answer = answer_types(route.method, route.path)
    content = {media_type: _content(media_type, answer, schema_of) for media_type in route.media_types}
    operation: Json = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_')}",
        "responses": {"200": {"description": "Done", "content": content}, **_refusals(route)},
    }
    if parameters := _parameters(route, answer):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema_of[route.body]}}}
    if route.needs is Needs.NOTHING:
        operation["security"] = []
    if route.needs is Needs.ADMIN_KEY:
        operation["description"] = "Needs one of the admin_keys, where there are any."
    return operation


def _content(media_type: str, answer: AnswerTypes, schema_of: Schemas) -> Json:
    if media_type == JSON:
        return {} if answer.whole is None else {"schema": schema_of[answer.whole]}
    if answer.event is None:
        return {}
    event = schema_of[answer.event]
    return {"itemSchema": event if media_type == LINES else _server_sent(event, answer.last)}


def _server_sent(data: Json, last: str | None) -> Json:
    """The schema of a server-sent event as OpenAPI 3.2 has it: what stands behind `data:` is a text, of JSON."""
    text: Json = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    said: Json = text if last is None else {"anyOf": [{"const": last}, text]}
    return {"type": "object", "required": ["data"], "properties": {"data": said, "event": {"type": "string"}}}


def _refusals(route: Route) -> Json:
    """Names of what may be said, by status; `default` is whatever an upstream may say beside them."""
    asks_little = route.body is None and ID not in route.path
    told = [status for status in _told(route.errors) if not asks_little or status in _FOR_ALL] + ["default"]
    return {str(status): {"$ref": _REFUSAL.format(name=_refusal_name(route.errors, status))} for status in told}


def _named_refusals(shape: ErrorShape, schema_of: Schemas) -> Json:
    """Every refusal of an API, by name; each tells our codes for its status."""
    content: Json = {JSON: {"schema": schema_of[refusal_type(shape)]}}
    described = {"default": ["What was wrong"], **_told(shape)}
    return {
        _refusal_name(shape, status): {"description": ", ".join(codes), "content": content}
        for status, codes in described.items()
    }


def _shapes(routes: Iterable[Route]) -> Iterable[ErrorShape]:
    return dict.fromkeys(route.errors for route in routes)


def _refusal_name(shape: ErrorShape, status: int | str) -> str:
    return f"{getattr(refusal_type(shape), '__name__', 'Refusal')}{str(status).capitalize()}"


@cache
def _told(shape: ErrorShape) -> Mapping[int | str, list[str]]:
    return {**refusals(shape)}


def _parameters(route: Route, answer: AnswerTypes) -> list[Json]:
    text: Json = {"type": "string"}
    in_path = [name[1:-1] for name in (ID, PART) if name in route.path]
    named: list[Json] = [{"name": name, "in": "path", "required": True, "schema": text} for name in in_path]
    return named + [{"name": name, "in": "query", "required": False, "schema": text} for name in answer.query]

"""`/openapi.json`, and `/docs`: a page that renders it with our own files: a local server needs no CDN."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from litestar import Response

from lsrv.api.http.errors import RouteNotFoundError
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState

_FOLDER = Path(__file__).parents[1] / "reference" / "static"
_HTML = "text/html"  # Litestar adds the charset
_MEDIA_TYPES = {"docs.html": _HTML, "docs.js": "text/javascript", "docs.css": "text/css"}
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


async def openapi(_: ApiRequest, server: ServerState) -> Response[bytes]:
    return json_response(server.reference())


async def docs(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    return _page("docs.html")


async def docs_file(request: ApiRequest, _: ServerState) -> Response[bytes]:
    name = resource_of(request.scope).name
    if name not in _MEDIA_TYPES:
        raise RouteNotFoundError(f"The reference is made of {', '.join(_MEDIA_TYPES)}.")
    return _page(name)


@cache
def _file(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def _page(name: str) -> Response[bytes]:
    return Response(_file(name), media_type=_MEDIA_TYPES[name], headers=_PAGE_HEADERS)


ROUTES = (
    Route("GET", "/docs", docs, "This reference as a page", media_types=(_HTML,)),
    Route("GET", "/docs/{id}", docs_file, "A file of that page", media_types=tuple(_MEDIA_TYPES.values())),
    Route("GET", "/openapi.json", openapi, "This reference as an OpenAPI document"),
)

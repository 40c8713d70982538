"""`/openapi.json`, and `/docs`: a page that renders it with our own files: a local server needs no CDN."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException

from lsrv.api.reference.openapi import openapi_body
from lsrv.api.routes.generating import json_response

_FOLDER = Path(__file__).parents[1] / "reference" / "static"
_MEDIA_TYPES = {"docs.html": "text/html; charset=utf-8", "docs.js": "text/javascript", "docs.css": "text/css"}
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


@get("/openapi.json")
async def openapi() -> Response[bytes]:
    return json_response(openapi_body())


@get("/docs")
async def docs() -> Response[bytes]:
    return _page("docs.html")


@get("/docs/{name:str}")
async def docs_file(name: str) -> Response[bytes]:
    if name not in _MEDIA_TYPES:
        raise NotFoundException()
    return _page(name)


@get("/")
async def root() -> Response[bytes]:
    return _page("docs.html")


@cache
def _file(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def _page(name: str) -> Response[bytes]:
    return Response(_file(name), media_type=_MEDIA_TYPES[name], headers=_PAGE_HEADERS)


DOCS_HANDLERS = [openapi, docs, docs_file, root]

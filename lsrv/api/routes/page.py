"""`/` and `/ui`: the page that people chat on, and its files. With `no_ui`, `/` leads to the reference."""

from __future__ import annotations

from litestar import Response

from lsrv.api.http.access import Needs
from lsrv.api.http.errors import RouteNotFoundError
from lsrv.api.routing.handler import ApiRequest
from lsrv.api.routing.route import Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState
from lsrv.echo import echo
from lsrv.web import PAGE_HEADERS, file_names, page_file

_HTML, _TEXT = "text/html", "text/plain"  # Litestar adds the charset
_START = "index.html"


async def root(request: ApiRequest, server: ServerState) -> Response[bytes]:
    here = request.scope.get("server")
    if here is not None and here[1] == server.ollama_port:
        return Response(b"Ollama is running", media_type=_TEXT)  # by these words its clients know that it is there
    if server.settings.server.no_ui:
        return _redirect("docs")
    return _answer(request, _START)


async def page(request: ApiRequest, server: ServerState) -> Response[bytes]:
    _check_is_served(server)
    if request.scope["raw_path"].endswith(b"/"):  # the page names its files by paths relative to where it stands
        return _redirect("../ui")
    return _answer(request, _START)


async def part(request: ApiRequest, server: ServerState) -> Response[bytes]:
    _check_is_served(server)
    name = resource_of(request.scope).name
    if name not in file_names():
        raise RouteNotFoundError(f"The page has no file {echo(name)!r}.")
    return _answer(request, name)


def _redirect(path: str) -> Response[bytes]:
    return Response(b"", status_code=307, headers={"location": path}, media_type=_TEXT)


def _check_is_served(server: ServerState) -> None:
    if server.settings.server.no_ui:
        raise RouteNotFoundError("This server has no page: no_ui is set under [server] in models.toml.")


def _answer(request: ApiRequest, name: str) -> Response[bytes]:
    """The file, compressed for those who take it so; nothing where the client has it already."""
    file = page_file(name)
    is_gzipped = _takes_gzip(request.headers.get("accept-encoding", ""))
    tag = f'"{file.tag}-gzip"' if is_gzipped else f'"{file.tag}"'  # other bytes, another tag (RFC 9110, 8.8.3.3)
    headers = {**PAGE_HEADERS, "etag": tag, "vary": "accept-encoding"}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
    if is_gzipped:
        headers["content-encoding"] = "gzip"
    return Response(file.gzipped if is_gzipped else file.body, headers=headers, media_type=file.media_type)


def _takes_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding names gzip, and not to refuse it (RFC 9110, 12.5.3)."""
    for each in accepted.lower().split(","):
        name, _, weight = each.replace(" ", "").partition(";q=")
        if name in ("gzip", "x-gzip"):
            return weight.strip("0.") != "" if weight else True
    return False


def _has(if_none_match: str, tag: str) -> bool:
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in tags or "*" in tags


ROUTES = (
    Route(
        "GET",
        "/",
        root,
        "The page to chat on; on Ollama's port its greeting",
        needs=Needs.NOTHING,
        media_types=(_HTML, _TEXT),
    ),
    Route("GET", "/ui", page, "The same page", needs=Needs.NOTHING, media_types=(_HTML,)),
    Route(
        "GET",
        "/ui/{id}",
        part,
        "A file of that page",
        needs=Needs.NOTHING,
        media_types=("text/javascript", "text/css", "image/svg+xml", "application/json", _TEXT),
    ),
)

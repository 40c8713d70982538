"""Handlers of Ollama's API about models: which there are, what is known of them, what is loaded. None loads one.

What Ollama's clients would change (create, copy, push, delete) stands in models.toml here, and is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import msgspec
from litestar import Response

from lsrv.api.dialects.ollama.model_bodies import KnownModel, ShowBody, ps_body, show_body, show_route_body, tags_body
from lsrv.api.dialects.ollama.wording import OLLAMA_ERRORS, VERSION, other_spellings
from lsrv.api.http.body import decode_body
from lsrv.api.http.errors import ForbiddenError
from lsrv.api.http.request_record import record_of
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import Method, Route
from lsrv.api.state import ServerState
from lsrv.registry import EntryView

_LOOK_S = 2.0  # at a disk: what it does not tell by then stays unknown

_show_decoder = msgspec.json.Decoder(ShowBody)
_encode = msgspec.json.Encoder().encode


async def list_tags(_: ApiRequest, server: ServerState) -> Response[bytes]:
    views = [view for view in server.registry.views() if view.status != "disabled" and not view.is_removed]
    return json_response(tags_body(await _known(server, views), server.registry.routing.view_all()))


async def list_running(_: ApiRequest, server: ServerState) -> Response[bytes]:
    loaded = [view for view in server.registry.views() if view.info is not None]
    return json_response(ps_body(await _known(server, loaded), time.time()))


async def show_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_show_decoder, await body_of(request, server))
    asked, registry = body.model or body.name, server.registry
    model = registry.names.first_known((asked, *other_spellings(asked)))
    if (route := registry.routing.view(model or "")) is not None:
        return json_response(show_route_body(route))
    model_id = record_of(request.scope).model_id = registry.names.resolve(model)
    (known,) = await _known(server, [registry.view(model_id)])
    return json_response(show_body(known, registry.settings_of(model_id)))


async def version(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    return json_response(_encode({"version": VERSION}))


async def refuse_change(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    raise ForbiddenError(
        "What this server has stands in its models.toml: edit that and reload it (POST /admin/reload); "
        "/api/pull gets weights, and nothing here deletes, copies, makes or publishes any."
    )


async def _known(server: ServerState, views: Iterable[EntryView]) -> list[KnownModel]:
    return await asyncio.gather(*(_known_model(server, view) for view in views))


async def _known_model(server: ServerState, view: EntryView) -> KnownModel:
    try:
        async with asyncio.timeout(_LOOK_S):
            return KnownModel(view, await server.registry.identities.facts(view.model_id))
    except TimeoutError:
        return KnownModel(view, None)


def _refused(method: Method, path: str, what: str) -> Route:
    return Route(
        method,
        path,
        refuse_change,
        f"{what}: refused, for models.toml says it",
        errors=OLLAMA_ERRORS,
        takes_curls_type=True,
    )


ROUTES = (
    Route("GET", "/api/tags", list_tags, "List the models, as Ollama does; never loads one", errors=OLLAMA_ERRORS),
    Route(
        "POST",
        "/api/show",
        show_model,
        "What one model is and can, as Ollama tells it",
        body=ShowBody,
        errors=OLLAMA_ERRORS,
        takes_curls_type=True,
    ),
    Route("GET", "/api/ps", list_running, "Which models are loaded, as Ollama tells it", errors=OLLAMA_ERRORS),
    Route("GET", "/api/version", version, "The version of Ollama whose API this is", errors=OLLAMA_ERRORS),
    _refused("DELETE", "/api/delete", "Delete a model"),
    _refused("POST", "/api/copy", "Copy a model"),
    _refused("POST", "/api/create", "Make a model"),
    _refused("POST", "/api/push", "Publish a model"),
    _refused("GET", "/api/blobs/{id}", "Whether a file is there"),
    _refused("POST", "/api/blobs/{id}", "Take a file"),
)

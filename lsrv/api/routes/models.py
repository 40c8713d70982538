"""Handlers of `/v1/models` and the model verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import msgspec
from litestar import Response, get, post

from lsrv.api.dialects.models import (
    DEFAULT_ID,
    STRICT_STATUS,
    TuneBody,
    VerbAnswer,
    VerbBody,
    adapter_objects,
    listing,
    model_object,
    route_object,
    verb_answer,
    verb_failure,
)
from lsrv.api.http.body import decode_body
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.http.route import CACHE, PLAN, with_alias
from lsrv.api.routes.cache import cache_of
from lsrv.api.routes.generating import ApiRequest, body_of, json_response
from lsrv.api.state import ServerState
from lsrv.errors import LsrvError, ModelNotFoundError, RequestError
from lsrv.registry import EntryView

_decoder = msgspec.json.Decoder(VerbBody)
_tune_decoder = msgspec.json.Decoder(TuneBody)
_encode = msgspec.json.Encoder().encode

Act = Callable[[str, VerbBody], Awaitable[EntryView]]


@get(with_alias("/v1/models"))
async def list_models(request: ApiRequest, server: ServerState) -> Response[bytes]:
    query = request.query_params
    views, routes = server.registry.views(), server.registry.routing.view_all()
    data = listing(views, routes, is_only_available=query.get("available") == "true")
    body: dict[str, object] = {"object": "list", "data": data}
    if "client_version" in query:
        body["models"] = []  # Codex asks this way, and takes an absent list for a broken server
    return json_response(_encode(body))


@get([f"{path}/{{model_id:path}}" for path in with_alias("/v1/models")])
async def get_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    _, _, wanted = unquote(request.scope["raw_path"].decode()).partition("/models/")  # elsewhere `//` has become `/`
    route = server.registry.routing.view(wanted)
    if route is not None:
        return json_response(_encode(_by_name(route_object(route), wanted)))
    try:
        target = server.registry.target(wanted)
    except ModelNotFoundError:
        if wanted.endswith(CACHE):
            return await cache_of(request, server, wanted.removesuffix(CACHE))
        if wanted.endswith(PLAN):
            return await _plan(request, server, wanted.removesuffix(PLAN))
        raise
    view = server.registry.view(target.model_id)
    if target.adapter is not None:
        names = [adapter.name for adapter in view.adapters]
        return json_response(_encode(adapter_objects(view)[names.index(target.adapter)]))
    return json_response(_encode(_by_name(model_object(view), wanted)))


def _by_name(body: dict[str, object], wanted: str) -> dict[str, object]:
    return body | {"id": DEFAULT_ID} if wanted == DEFAULT_ID else body


async def _plan(request: ApiRequest, server: ServerState, wanted: str) -> Response[bytes]:
    record_of(request.scope).model_id = server.registry.resolve(wanted)
    return json_response(_encode(await until_disconnect(request.receive, server.registry.plans.outlook(wanted))))


@post(with_alias("/v1/models/load"), status_code=200)
async def load_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _verb(request, server, lambda model_id, body: server.registry.load(model_id))


@post(with_alias("/v1/models/unload"), status_code=200)
async def unload_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    async def unload(model_id: str, body: VerbBody) -> EntryView:
        adapter = server.registry.target(_asked(body)).adapter
        if adapter is not None:
            raise RequestError(
                f"'{adapter}' is an adapter; POST /v1/unload_lora_adapter unloads it, and its model stays.",
                param="model_id",
            )
        return await server.registry.unload(model_id, force=body.force)

    return await _verb(request, server, unload)


@post(with_alias("/v1/models/reload"), status_code=200)
async def reload_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _verb(request, server, lambda model_id, body: server.registry.load(model_id))


@post(with_alias("/v1/models/status"), status_code=200)
async def model_status(request: ApiRequest, server: ServerState) -> Response[bytes]:
    async def view(model_id: str, body: VerbBody) -> EntryView:
        return server.registry.view(model_id)

    return await _verb(request, server, view)


@post(with_alias("/v1/models/tune"), status_code=200)
async def tune_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_tune_decoder, await body_of(request, server))
    asked = body.model_id if body.model_id is not None else body.model
    model_id = record_of(request.scope).model_id = server.registry.resolve(asked)
    tuning = server.registry.plans.tune(model_id, body.context_lengths)
    return json_response(_encode(await until_disconnect(request.receive, tuning)))


async def _verb(request: ApiRequest, server: ServerState, act: Act) -> Response[bytes]:
    body = decode_body(_decoder, await body_of(request, server))
    asked = _asked(body)
    answer = await until_disconnect(request.receive, _answer(request, server, asked, body, act))
    is_strict = request.query_params.get("strict") == "true"
    status = STRICT_STATUS.get(answer.status, 200) if is_strict else 200
    return json_response(_encode(answer), status)


def _asked(body: VerbBody) -> str | None:
    return body.model_id if body.model_id is not None else body.model


async def _answer(request: ApiRequest, server: ServerState, asked: str | None, body: VerbBody, act: Act) -> VerbAnswer:
    """The id is echoed as it was asked for; without one the default entry's is told."""
    try:
        model_id = record_of(request.scope).model_id = server.registry.resolve(asked)
        return verb_answer(asked or server.registry.view(model_id).listed_id, await act(model_id, body))
    except LsrvError as error:
        return verb_failure(asked or DEFAULT_ID, error)


MODEL_HANDLERS = [list_models, get_model, load_model, unload_model, reload_model, model_status, tune_model]

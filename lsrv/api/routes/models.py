"""Handlers of `/v1/models` and the model verbs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import msgspec
from litestar import Response

from lsrv.api.dialects.anthropic.model_list import model_body, models_known, models_page
from lsrv.api.dialects.llamaserver.router import router_fields
from lsrv.api.dialects.models import (
    DEFAULT_ID,
    STRICT_STATUS,
    TuneBody,
    VerbAnswer,
    VerbAnswers,
    VerbBody,
    adapter_objects,
    listing,
    model_object,
    route_object,
    verb_answer,
    verb_failure,
)
from lsrv.api.http.access import Needs
from lsrv.api.http.body import decode_body
from lsrv.api.http.errors import RouteNotFoundError
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.routing.handler import ApiRequest, Handler, body_of, json_response
from lsrv.api.routing.route import Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState
from lsrv.errors import LsrvError, ModelDisabledError, ModelNotFoundError, RequestError
from lsrv.model_id import ModelId
from lsrv.registry import EntryView, ModelFacts

_LOOK_S = 1.0
_ANTHROPICS = "anthropic-version"  # a header that all clients of that API send, and no others

_decoder = msgspec.json.Decoder(VerbBody)
_tune_decoder = msgspec.json.Decoder(TuneBody)
_encode = msgspec.json.Encoder().encode

Act = Callable[[ModelId, VerbBody], Awaitable[EntryView]]


async def list_models(request: ApiRequest, server: ServerState) -> Response[bytes]:
    query = request.query_params
    if _ANTHROPICS in request.headers:
        return json_response(models_page(_known(server), query))
    views, routes = server.registry.views(), server.registry.routing.view_all()
    facts, default_id = await _facts(server, views), server.registry.names.default_id
    data = listing(views, routes, facts, default_id=default_id, is_only_available=query.get("available") == "true")
    data = [_with_tools(server, model) for model in data]
    if not request.scope["path"].startswith("/v1/"):  # where llama-server's router has its list
        by_id = {view.listed_id: view for view in views}
        data = [model | router_fields(model, by_id.get(str(model["id"]))) for model in data]
    body: dict[str, object] = {"object": "list", "data": data, "default_model": _listed(server, default_id)}
    if "client_version" in query:
        body["models"] = []  # Codex asks this way, and takes an absent list for a broken server
    return json_response(_encode(body))


async def get_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    wanted = resource_of(request.scope).name
    if _ANTHROPICS in request.headers:
        return json_response(model_body(_known(server), wanted))
    return await _model_named(server, wanted)


def _listed(server: ServerState, name: str | None) -> str | None:
    return None if name is None else server.registry.names.listed_id(ModelId(name))


async def _facts(server: ServerState, views: Iterable[EntryView]) -> dict[ModelId, ModelFacts]:
    """What the files of models that are not loaded say. A drive that hangs holds up nobody for long."""
    known = server.registry.identities.recent_facts
    looks = {view.model_id: asyncio.ensure_future(known(view.model_id)) for view in views if view.info is None}
    if looks:
        _, late = await asyncio.wait(looks.values(), timeout=_LOOK_S)
        for look in late:
            look.cancel()
    done = {model_id: look.result() for model_id, look in looks.items() if look.done() and not look.cancelled()}
    return {model_id: facts for model_id, facts in done.items() if facts is not None}


def _known(server: ServerState) -> list[dict[str, object]]:
    return models_known(server.registry.views(), server.registry.routing.view_all())


async def get_plan(request: ApiRequest, server: ServerState) -> Response[bytes]:
    named, wanted = await model_of_whole_path(request, server), resource_of(request.scope).name
    if named is not None:
        return named
    model_id = record_of(request.scope).model_id = server.registry.names.resolve(wanted)
    return json_response(_encode(await until_disconnect(request.receive, server.registry.plans.preview(model_id))))


async def model_of_whole_path(request: ApiRequest, server: ServerState) -> Response[bytes] | None:
    """The model whose id ends as if it were a route below another one: `OWNER/plan`, asked for by that id."""
    _, _, whole = resource_of(request.scope).path.partition("/models/")
    with contextlib.suppress(ModelNotFoundError):
        return await _model_named(server, whole)
    return None


async def _model_named(server: ServerState, wanted: str) -> Response[bytes]:
    route = server.registry.routing.view(wanted)
    if route is not None:
        return json_response(_encode(_by_name(route_object(route), wanted)))
    target = server.registry.names.target(wanted)
    view = server.registry.view(target.model_id)
    facts = await _facts(server, [view])
    if target.adapter is not None:
        names = [adapter.name for adapter in view.adapters]
        adapter = adapter_objects(view, facts)[names.index(target.adapter)]
        return json_response(_encode(_with_tools(server, adapter)))
    shown = model_object(view, facts.get(view.model_id), server.registry.names.default_id)
    return json_response(_encode(_with_tools(server, _by_name(shown, wanted))))


def _with_tools(server: ServerState, model: dict[str, object]) -> dict[str, object]:
    """With what MCP servers offer to chats with it now."""
    capabilities = cast("list[str]", model.get("capabilities", []))
    if "mcp_tools_count" not in model or (capabilities and "completion" not in capabilities):
        return model
    return model | {"mcp_tools_count": server.mcp.n_tools, "mcp_servers_connected": server.mcp.n_connected}


def _by_name(body: dict[str, object], wanted: str) -> dict[str, object]:
    return body | {"id": DEFAULT_ID} if wanted == DEFAULT_ID else body


async def keep_model(_request: ApiRequest, _server: ServerState) -> Response[bytes]:
    """OpenAI's clients may ask for it; what is served is for models.toml to say."""
    raise RouteNotFoundError("Models are deleted by taking them out of models.toml; DELETE …/cache empties a cache.")


async def load_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _verb(request, server, lambda model_id, body: server.registry.load(model_id))


async def unload_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    async def unload(model_id: ModelId, body: VerbBody) -> EntryView:
        _refuse_adapter(server, body, "POST /v1/unload_lora_adapter unloads it, and its model stays.")
        return await server.registry.unload(model_id, force=body.force)

    return await _verb(request, server, unload)


async def enable_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    async def enable(model_id: ModelId, body: VerbBody) -> EntryView:
        _refuse_adapter(server, body, "what is enabled is a model.")
        return await server.registry.enable(model_id)

    return await _verb(request, server, enable)


async def disable_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    async def disable(model_id: ModelId, body: VerbBody) -> EntryView:
        _refuse_adapter(server, body, "what is disabled is a model. POST /v1/unload_lora_adapter unloads it.")
        return await server.registry.disable(model_id)

    return await _verb(request, server, disable)


async def load_all(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _for_all(request, server, server.registry.load)


async def unload_all(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _for_all(request, server, server.registry.unload)


async def _for_all(
    request: ApiRequest, server: ServerState, act: Callable[[ModelId], Awaitable[EntryView]]
) -> Response[bytes]:
    """Every enabled entry of this machine at once, and what became of each: one may make room for another."""
    registry = server.registry

    async def try_to(model_id: ModelId) -> None:
        with contextlib.suppress(ModelNotFoundError, ModelDisabledError):  # gone or switched off meanwhile: so its view
            await act(model_id)

    def local() -> list[EntryView]:
        return [view for view in registry.views() if view.kind != "upstream"]

    ids = [view.model_id for view in local() if view.status != "disabled"]

    async def try_all() -> None:
        await asyncio.gather(*map(try_to, ids))

    await until_disconnect(request.receive, try_all())
    answers = [verb_answer(view.listed_id, view) for view in local()]
    return json_response(_encode(VerbAnswers(models=answers)))


def _refuse_adapter(server: ServerState, body: VerbBody, instead: str) -> None:
    adapter = server.registry.names.target(_asked(body)).adapter
    if adapter is not None:
        raise RequestError(f"'{adapter}' is an adapter; {instead}", param="model_id")


async def model_status(request: ApiRequest, server: ServerState) -> Response[bytes]:
    async def view(model_id: ModelId, body: VerbBody) -> EntryView:
        return server.registry.view(model_id)

    return await _verb(request, server, view)


async def tune_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_tune_decoder, await body_of(request, server))
    asked = body.model_id if body.model_id is not None else body.model
    model_id = record_of(request.scope).model_id = server.registry.names.resolve(asked)
    tuning = server.registry.plans.tune(model_id, body.context_lengths)
    return json_response(_encode(await until_disconnect(request.receive, tuning)))


async def _verb(request: ApiRequest, server: ServerState, act: Act) -> Response[bytes]:
    body = decode_body(_decoder, await body_of(request, server))
    asked = _asked(body)
    answer = await until_disconnect(request.receive, _answer(request, server, asked, body, act))
    is_strict = request.query_params.get("strict") == "true"
    status = STRICT_STATUS.get(answer.status, 200) if is_strict else 200
    answer.success = not request.scope["path"].startswith("/v1/") and answer.status not in STRICT_STATUS
    return json_response(_encode(answer), status)


def _asked(body: VerbBody) -> str | None:
    return body.model_id if body.model_id is not None else body.model


async def _answer(request: ApiRequest, server: ServerState, asked: str | None, body: VerbBody, act: Act) -> VerbAnswer:
    """The id is echoed as it was asked for; without one the default entry's is told."""
    try:
        model_id = record_of(request.scope).model_id = server.registry.names.resolve(asked)
        return verb_answer(asked or server.registry.view(model_id).listed_id, await act(model_id, body))
    except LsrvError as error:
        return verb_failure(asked or DEFAULT_ID, error)


def _verb_route(name: str, handler: Handler, summary: str, body: object | None = VerbBody) -> Route:
    return Route("POST", f"/v1/models/{name}", handler, summary, body=body, needs=Needs.ADMIN_KEY)


ROUTES = (
    Route("GET", "/v1/models", list_models, "List the models; never loads one"),
    Route("GET", "/v1/models/{id}", get_model, "One model; ids may contain slashes"),
    Route(
        "DELETE",
        "/v1/models/{id}",
        keep_model,
        "Deletes nothing: models.toml is the list",
        needs=Needs.ADMIN_KEY,
    ),
    Route("GET", "/v1/models/{id}/plan", get_plan, "What a load would take, and whom it would evict; loads nothing"),
    _verb_route("load", load_model, "Load a model, and wait until it is loaded"),
    _verb_route("unload", unload_model, "Unload a model after its running requests"),
    _verb_route("load_all", load_all, "Load every enabled model that memory has room for", None),
    _verb_route("unload_all", unload_all, "Unload every model after its running requests", None),
    _verb_route("reload", load_model, "Load an unloaded model"),
    _verb_route("enable", enable_model, "Let a disabled model serve again"),
    _verb_route("disable", disable_model, "Refuse requests for a model, and unload it after its running ones"),
    _verb_route("status", model_status, "State of a model"),
    _verb_route("tune", tune_model, "Which weights of a model fit this machine, with which context", TuneBody),
)

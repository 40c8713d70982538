"""Handlers of adapters: mistral.rs's and vLLM's routes to list, load and unload them, llama.cpp's for the defaults."""

from __future__ import annotations

import msgspec
from litestar import Response

from lsrv.api.dialects.fields.adapters import (
    LoadAdapterBody,
    LoraItem,
    UnloadAdapterBody,
    adapter_body,
    checked_source,
    lora_body,
)
from lsrv.api.http.access import Needs
from lsrv.api.http.body import decode_body
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState
from lsrv.errors import RequestError
from lsrv.model_id import ModelId

_load_decoder = msgspec.json.Decoder(LoadAdapterBody)
_unload_decoder = msgspec.json.Decoder(UnloadAdapterBody)
_loras_decoder = msgspec.json.Decoder(list[LoraItem])
_encode = msgspec.json.Encoder().encode


async def list_adapters(request: ApiRequest, server: ServerState) -> Response[bytes]:
    views = server.registry.views()
    wanted = request.query_params.get("model")
    if wanted is not None:
        views = [server.registry.view(server.registry.names.resolve(wanted))]
    data = [adapter_body(adapter, view.listed_id) for view in views for adapter in view.adapters]
    return json_response(_encode({"object": "list", "data": data}))


async def load_adapter(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_load_decoder, await body_of(request, server))
    if body.lora_name.startswith(":"):
        raise RequestError("lora_name must not begin with a colon, which parts it from its model.", param="lora_name")
    path = await server.looks.run("adapters", checked_source, body.lora_path, server.settings.server.adapter_folder)
    model_id = _resolved(request, server, body.model)
    load = server.registry.adapters.load(
        model_id,
        body.lora_name,
        str(path),
        is_replacing=body.load_inplace,
        expected_generation=body.expected_generation,
    )
    adapter = await until_disconnect(request.receive, load)
    return json_response(_encode(adapter_body(adapter, server.registry.view(model_id).listed_id)))


async def unload_adapter(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_unload_decoder, await body_of(request, server))
    model_id = _resolved(request, server, body.model)
    unload = server.registry.adapters.unload(model_id, body.lora_name, expected_generation=body.expected_generation)
    adapter = await until_disconnect(request.receive, unload)
    return json_response(_encode(adapter_body(adapter, server.registry.view(model_id).listed_id)))


async def list_loras(request: ApiRequest, server: ServerState) -> Response[bytes]:
    registry = server.registry
    adapters = registry.adapters.of(registry.names.resolve(request.query_params.get("model")))
    return json_response(_encode([lora_body(adapter) for adapter in adapters]))


async def set_loras(request: ApiRequest, server: ServerState) -> Response[bytes]:
    items = decode_body(_loras_decoder, await body_of(request, server))
    model_id = _resolved(request, server, request.query_params.get("model"))
    server.registry.adapters.set_defaults(model_id, {item.id: item.scale for item in items})
    return json_response(_encode({"success": True}))


def _resolved(request: ApiRequest, server: ServerState, model: str | None) -> ModelId:
    model_id = record_of(request.scope).model_id = server.registry.names.resolve(model)
    return model_id


ROUTES = (
    Route("GET", "/v1/lora_adapters", list_adapters, "List adapters; `?model=` those of one model"),
    Route(
        "POST",
        "/v1/load_lora_adapter",
        load_adapter,
        "Load an adapter; its model goes on serving",
        body=LoadAdapterBody,
        needs=Needs.ADMIN_KEY,
    ),
    Route(
        "POST",
        "/v1/unload_lora_adapter",
        unload_adapter,
        "Unload an adapter; its model goes on serving",
        body=UnloadAdapterBody,
        needs=Needs.ADMIN_KEY,
    ),
    Route("GET", "/v1/lora-adapters", list_loras, "llama.cpp's list of adapters; `scale` applies by default"),
    Route(
        "POST",
        "/v1/lora-adapters",
        set_loras,
        "Set what applies to requests that choose no adapter",
        body=list[LoraItem],
        needs=Needs.ADMIN_KEY,
    ),
)

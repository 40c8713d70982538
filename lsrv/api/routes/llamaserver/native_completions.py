"""Handlers of llama-server's own routes that models answer with text."""

from __future__ import annotations

import msgspec
from litestar import Response
from litestar.types import ASGIApp

from lsrv.api.answers.delivery import Delivery
from lsrv.api.dialects.llamaserver.completion_body import LLAMA_COMPLETION, LlamaCompletionBody
from lsrv.api.dialects.llamaserver.infill_body import LLAMA_INFILL, InfillBody
from lsrv.api.dialects.llamaserver.slots import slot_object
from lsrv.api.dialects.llamaserver.wording import LLAMA_SERVER_ERRORS, NotOfferedError
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.state import ServerState
from lsrv.errors import CapacityError

_encode = msgspec.json.Encoder().encode


async def llama_completion(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, LLAMA_COMPLETION, request.scope)


async def llama_infill(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, LLAMA_INFILL, request.scope)


async def list_slots(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """The slots of one model, none where it is not loaded; with `fail_on_no_slot` an error if all are busy."""
    registry = server.registry
    view = registry.view(registry.names.resolve(request.query_params.get("model")))
    info, n_busy = view.info, view.n_running
    if info is None:
        return json_response(b"[]")
    if request.query_params.get("fail_on_no_slot") and n_busy >= info.n_slots:
        raise CapacityError("no slot available")
    slots = [slot_object(number, info.n_ctx_seq, is_busy=number < n_busy) for number in range(info.n_slots)]
    return json_response(_encode(slots))


async def act_on_slot(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    raise NotOfferedError(
        "This server does not support slots action: prompts are kept by themselves (see cache_ram and cache_disk in "
        "models.toml)."
    )


ROUTES = (
    Route(
        "GET",
        "/slots",
        list_slots,
        "The slots of a model, and which are busy; loads nothing",
        errors=LLAMA_SERVER_ERRORS,
    ),
    Route(
        "POST",
        "/slots/{id}",
        act_on_slot,
        "Saves, restores and erases nothing: prompts are kept by themselves",
        errors=LLAMA_SERVER_ERRORS,
    ),
    Route(
        "POST",
        "/completion",
        llama_completion,
        "Continue a text, as llama-server does",
        body=LlamaCompletionBody,
        media_types=(JSON, EVENTS),
        errors=LLAMA_SERVER_ERRORS,
        takes_curls_type=True,
    ),
    Route(
        "POST",
        "/infill",
        llama_infill,
        "Fill in what stands between two texts, as llama-server does",
        body=InfillBody,
        media_types=(JSON, EVENTS),
        errors=LLAMA_SERVER_ERRORS,
        takes_curls_type=True,
    ),
)

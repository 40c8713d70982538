"""Handlers of llama-server's own routes that models answer with text."""

from __future__ import annotations

from litestar.types import ASGIApp

from lsrv.api.answers.delivery import Delivery
from lsrv.api.dialects.llamaserver.completion_body import LLAMA_COMPLETION, LlamaCompletionBody
from lsrv.api.dialects.llamaserver.infill_body import LLAMA_INFILL, InfillBody
from lsrv.api.dialects.llamaserver.wording import LLAMA_SERVER_ERRORS
from lsrv.api.routing.handler import ApiRequest
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.state import ServerState


async def llama_completion(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, LLAMA_COMPLETION, request.scope)


async def llama_infill(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, LLAMA_INFILL, request.scope)


ROUTES = (
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

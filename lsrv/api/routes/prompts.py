"""Handlers of `/v1/generate`, `/v1/generate/batch` and `/v1/stream`: the simplest way to ask for text."""

from __future__ import annotations

from litestar.types import ASGIApp

from lsrv.api.answers.delivery import Delivery
from lsrv.api.dialects.generate.prompt_body import (
    GENERATE,
    GENERATE_BATCH,
    GENERATE_STREAM,
    BatchBody,
    PromptBody,
)
from lsrv.api.dialects.generate.refusals import GENERATE_ERRORS
from lsrv.api.routing.handler import ApiRequest
from lsrv.api.routing.route import EVENTS, Route
from lsrv.api.state import ServerState


async def generate(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, GENERATE, request.scope)


async def generate_batch(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, GENERATE_BATCH, request.scope)


async def stream_text(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, GENERATE_STREAM, request.scope)


ROUTES = (
    Route("POST", "/v1/generate", generate, "Continue a prompt", body=PromptBody, errors=GENERATE_ERRORS),
    Route("POST", "/v1/generate/batch", generate_batch, "Continue prompts", body=BatchBody, errors=GENERATE_ERRORS),
    Route(
        "POST",
        "/v1/stream",
        stream_text,
        "Continue a prompt, text by text",
        body=PromptBody,
        media_types=(EVENTS,),
        errors=GENERATE_ERRORS,
    ),
)

"""Handlers of Ollama's API that models answer: chats, texts, vectors. A request that asks nothing loads its model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from litestar import Response
from litestar.types import ASGIApp

from lsrv.api.answers.cache_control import cache_use
from lsrv.api.answers.delivery import Delivery, first_body
from lsrv.api.answers.vectors import built, vectors_of
from lsrv.api.dialects.contract import Dialect
from lsrv.api.dialects.ollama.asking import asked_keep_alive, asks_chat, asks_text, ollama_head
from lsrv.api.dialects.ollama.chat_body import OLLAMA_CHAT, OllamaChatBody
from lsrv.api.dialects.ollama.generate_body import OLLAMA_GENERATE, OllamaGenerateBody
from lsrv.api.dialects.ollama.lines import CHAT_FORM, GENERATE_FORM, OllamaForm, idle_line
from lsrv.api.dialects.ollama.vectors_body import (
    EmbedBody,
    OldEmbeddingBody,
    VectorsTaken,
    VectorsWanted,
    embed_body,
    old_embedding_body,
    parse_embed,
    parse_old_embedding,
)
from lsrv.api.dialects.ollama.wording import OLLAMA_ERRORS
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import JSON, LINES, Route
from lsrv.api.state import ServerState
from lsrv.model_id import ModelId
from lsrv.protocol.events import Embedded
from lsrv.registry import Attempts, Target

WriteVectors = Callable[[VectorsWanted, str, Embedded | None, VectorsTaken], bytes]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A route that answers with text."""

    dialect: Dialect
    form: OllamaForm
    asks: Callable[[bytes], bool]


_CHAT = _Kind(OLLAMA_CHAT, CHAT_FORM, asks_chat)
_GENERATE = _Kind(OLLAMA_GENERATE, GENERATE_FORM, asks_text)


async def ollama_chat(request: ApiRequest, server: ServerState) -> Response[bytes] | ASGIApp:
    return await _text(request, server, _CHAT)


async def ollama_generate(request: ApiRequest, server: ServerState) -> Response[bytes] | ASGIApp:
    return await _text(request, server, _GENERATE)


async def ollama_embed(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _vectors(request, server, parse_embed, embed_body)


async def ollama_embeddings(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _vectors(request, server, parse_old_embedding, old_embedding_body)


async def _text(request: ApiRequest, server: ServerState, kind: _Kind) -> Response[bytes] | ASGIApp:
    raw = await body_of(request, server)
    if kind.asks(raw):
        return Delivery(server, kind.dialect, request.scope, raw)
    keep_alive_s = asked_keep_alive(raw)

    async def ask(target: Target) -> bytes:
        server.begin(record_of(request.scope), target.model_id)
        listed_id = server.registry.names.listed_id(target.model_id)
        if keep_alive_s == 0:
            await _let_go(server, target.model_id)
        else:
            await _load(server, target.model_id, keep_alive_s)
        return idle_line(kind.form, listed_id, time.time(), "unload" if keep_alive_s == 0 else "load")

    return json_response(await until_disconnect(request.receive, first_body(_attempts(server, raw), ask)))


def _attempts(server: ServerState, raw: bytes) -> Attempts:
    return server.registry.routing.attempts(server.registry.names.first_known(ollama_head(raw).spellings))


async def _load(server: ServerState, model_id: ModelId, keep_alive_s: float | None) -> None:
    async with server.registry.acquire(model_id, server.turn(model_id, None, keep_alive_s)):
        pass


async def _let_go(server: ServerState, model_id: ModelId) -> None:
    """Unload a model that is loaded, once running requests have ended. One that is pinned stays."""
    view = server.registry.view(model_id)
    if view.info is not None and not view.is_pinned:
        await server.registry.unload(model_id)


async def _vectors(
    request: ApiRequest, server: ServerState, parse: Callable[[bytes], VectorsWanted], write: WriteVectors
) -> Response[bytes]:
    raw, record = await body_of(request, server), record_of(request.scope)
    wanted = parse(raw)

    async def ask(target: Target) -> bytes:
        model_id = target.model_id
        server.begin(record, model_id)
        listed_id = server.registry.names.listed_id(model_id)
        for note in wanted.notes:
            server.notes.tell(note, record.request_id, listed_id)
        if wanted.command is None:
            await _load(server, model_id, wanted.keep_alive_s)
            return write(wanted, listed_id, None, VectorsTaken(*[time.perf_counter() - record.arrived_at] * 2))
        turn = server.turn(model_id, None, wanted.keep_alive_s)
        use = cache_use(request.scope["headers"])
        found = await vectors_of(server, record, model_id, wanted.command, turn, use)
        taken = VectorsTaken(found.lease_wait_s, time.perf_counter() - record.arrived_at)
        build = partial(write, wanted, found.listed_id, found.embedded, taken)
        return await built(build, len(found.embedded.vectors))

    return json_response(await until_disconnect(request.receive, first_body(_attempts(server, raw), ask)))


_TEXT_TYPES = (LINES, JSON)

ROUTES = (
    Route(
        "POST",
        "/api/chat",
        ollama_chat,
        "Answer a chat, as Ollama does: a line for each piece, unless `stream` is false",
        body=OllamaChatBody,
        media_types=_TEXT_TYPES,
        errors=OLLAMA_ERRORS,
        takes_curls_type=True,
    ),
    Route(
        "POST",
        "/api/generate",
        ollama_generate,
        "Answer or continue a text, as Ollama does",
        body=OllamaGenerateBody,
        media_types=_TEXT_TYPES,
        errors=OLLAMA_ERRORS,
        takes_curls_type=True,
    ),
    Route(
        "POST",
        "/api/embed",
        ollama_embed,
        "Vectors of texts, as Ollama has them",
        body=EmbedBody,
        errors=OLLAMA_ERRORS,
        takes_curls_type=True,
    ),
    Route(
        "POST",
        "/api/embeddings",
        ollama_embeddings,
        "The vector of one text, as older clients of Ollama ask for it",
        body=OldEmbeddingBody,
        errors=OLLAMA_ERRORS,
        takes_curls_type=True,
    ),
)

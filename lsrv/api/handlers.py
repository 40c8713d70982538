"""Handlers of the generating routes. Thin: parse with the dialect, run, write with the dialect."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from lsrv.api import llamacpp
from lsrv.api.generation import Generation
from lsrv.api.note import note_of
from lsrv.api.openai.chat import parse_chat
from lsrv.api.openai.completion import parse_completion
from lsrv.api.openai.embedding import EmbeddingRequest, embedding_body, parse_embedding
from lsrv.api.receive import read_body, until_disconnect
from lsrv.api.rerank import RerankRequest, parse_rerank, rerank_body
from lsrv.api.routes import with_alias
from lsrv.api.state import ServerState
from lsrv.protocol.commands import Detokenize, Tokenize
from lsrv.protocol.events import Detokenized, Tokenized

ApiRequest = Request[Any, Any, State]

_MANY_VECTORS = 32  # from here on the body is built in a thread, so that streams go on meanwhile


def json_response(body: bytes, status: int = 200) -> Response[bytes]:
    return Response(body, status_code=status, media_type="application/json")


async def body_of(request: ApiRequest, server: ServerState) -> bytes:
    """The request's raw body, below the server's limit."""
    return await read_body(request.scope, request.receive, server.settings.server.max_body_bytes)


@post(with_alias("/v1/chat/completions"), status_code=200)
async def chat_completions(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Generation(server, parse_chat(await body_of(request, server)))


@post(with_alias("/v1/completions"), status_code=200)
async def completions(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Generation(server, parse_completion(await body_of(request, server)))


@post(with_alias("/v1/embeddings"), status_code=200)
async def embeddings(request: ApiRequest, server: ServerState) -> Response[bytes]:
    wanted = parse_embedding(await body_of(request, server))
    return json_response(await until_disconnect(request.receive, _embed(request, server, wanted)))


@post([*with_alias("/v1/rerank"), *with_alias("/v1/reranking")], status_code=200)
async def rerank(request: ApiRequest, server: ServerState) -> Response[bytes]:
    wanted = parse_rerank(await body_of(request, server))
    return json_response(await until_disconnect(request.receive, _rerank(request, server, wanted)))


@post([*with_alias("/v1/tokenize")], status_code=200)
async def tokenize(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body, command = llamacpp.parse_tokenize(await body_of(request, server))
    tokenized = await until_disconnect(request.receive, _tokenize(request, server, body.model, command))
    return json_response(llamacpp.tokenize_body(body, tokenized))


@post([*with_alias("/v1/detokenize")], status_code=200)
async def detokenize(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body, command = llamacpp.parse_detokenize(await body_of(request, server))
    detokenized = await until_disconnect(request.receive, _detokenize(request, server, body.model, command))
    return json_response(llamacpp.detokenize_body(detokenized))


@post([*with_alias("/v1/apply-template")], status_code=200)
async def apply_template(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body, command = llamacpp.parse_apply_template(await body_of(request, server))
    tokenized = await until_disconnect(request.receive, _tokenize(request, server, body.model, command))
    return json_response(llamacpp.apply_template_body(tokenized))


async def _embed(request: ApiRequest, server: ServerState, wanted: EmbeddingRequest) -> bytes:
    model_id = _resolved(request, server, wanted.model)
    async with server.registry.acquire(model_id) as lease:
        embedded = await lease.embed(wanted.inputs)
        listed_id = lease.listed_id
    note_of(request.scope).n_prompt_tokens = embedded.n_prompt_tokens
    server.metrics.of(model_id).count_prompt(embedded.n_prompt_tokens)
    if len(embedded.vectors) < _MANY_VECTORS:
        return embedding_body(wanted, listed_id, embedded)
    return await asyncio.to_thread(embedding_body, wanted, listed_id, embedded)


async def _rerank(request: ApiRequest, server: ServerState, wanted: RerankRequest) -> bytes:
    model_id = _resolved(request, server, wanted.model)
    async with server.registry.acquire(model_id) as lease:
        reranked = await lease.rerank(wanted.query, wanted.documents)
        listed_id = lease.listed_id
    note_of(request.scope).n_prompt_tokens = reranked.n_prompt_tokens
    server.metrics.of(model_id).count_prompt(reranked.n_prompt_tokens)
    return rerank_body(wanted, listed_id, reranked)


async def _tokenize(request: ApiRequest, server: ServerState, model: str | None, command: Tokenize) -> Tokenized:
    async with server.registry.acquire(_resolved(request, server, model)) as lease:
        return await lease.tokenize(command)


async def _detokenize(request: ApiRequest, server: ServerState, model: str | None, command: Detokenize) -> Detokenized:
    async with server.registry.acquire(_resolved(request, server, model)) as lease:
        return await lease.detokenize(command.tokens)


def _resolved(request: ApiRequest, server: ServerState, model: str | None) -> str:
    """The canonical id; from here on the access log and the metrics know it, too. Raises ModelNotFoundError."""
    model_id = note_of(request.scope).model_id = server.registry.resolve(model)
    return model_id


GENERATING_HANDLERS = [chat_completions, completions, embeddings, rerank, tokenize, detokenize, apply_template]

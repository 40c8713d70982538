"""Handlers of the generating routes. Thin: parse with the dialect, run, write with the dialect."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial

from litestar import Response
from litestar.types import ASGIApp
from msgspec.structs import replace

from lsrv.api.answers.cache_control import cache_use
from lsrv.api.answers.delivery import Delivery, first_body
from lsrv.api.answers.relay import Relay
from lsrv.api.answers.resumable import conversation_of, resumable
from lsrv.api.answers.time_limit import time_limit
from lsrv.api.answers.tokens import resolved, tokens_of
from lsrv.api.answers.vectors import built, vectors_of
from lsrv.api.dialects import llamacpp
from lsrv.api.dialects.fields.head import head_of
from lsrv.api.dialects.llamaserver.completion_body import LLAMA_COMPLETION, is_native
from lsrv.api.dialects.openai.chat import CHAT, ChatBody, parse_apply_template
from lsrv.api.dialects.openai.completion import COMPLETION, CompletionBody
from lsrv.api.dialects.openai.embedding import EmbeddingBody, embedding_body, parse_embedding
from lsrv.api.dialects.rerank import RerankBody, parse_rerank, rerank_body
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.state import ServerState
from lsrv.model_id import ModelId
from lsrv.protocol.commands import Detokenize
from lsrv.protocol.events import Detokenized, Reranked
from lsrv.registry import Target
from lsrv.serving.kept_pieces import PieceCache
from lsrv.serving.kept_pieces import rerank as cached_ranking

AnswerHere = Callable[[ApiRequest, ServerState, ModelId, bytes], Coroutine[object, object, bytes]]  # model_id, body

_TOKENS_LIKE_A_VECTOR = 256  # in the time that their bodies take


async def chat_completions(request: ApiRequest, server: ServerState) -> ASGIApp:
    """With an X-Conversation-Id a stream goes on without its client."""
    conversation_id = conversation_of(request.scope)
    if not conversation_id:
        return Delivery(server, CHAT, request.scope)
    raw = await body_of(request, server)
    if not CHAT.read_head(raw).is_streaming:
        return Delivery(server, CHAT, request.scope, raw)
    return await resumable(server, CHAT, request.scope, raw, conversation_id)


async def count_chat_tokens(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """How many tokens a chat has as its model reads it, in the words of the Responses API, as llama-server says it."""
    body, command = parse_apply_template(await body_of(request, server))
    asked = tokens_of(server, record_of(request.scope), body.model, replace(command, add_special=True))
    n_tokens = len((await until_disconnect(request.receive, asked)).tokens)
    return json_response(b'{"object":"response.input_tokens","input_tokens":%d}' % n_tokens)


async def completions(request: ApiRequest, server: ServerState) -> ASGIApp:
    """The path without /v1 is llama-server's own, too: there the body tells who asks."""
    if request.scope["path"].startswith("/v1/"):
        return Delivery(server, COMPLETION, request.scope)
    raw = await body_of(request, server)
    return Delivery(server, LLAMA_COMPLETION if is_native(raw) else COMPLETION, request.scope, raw)


async def embeddings(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _answered(request, server, "embeddings", _embed)


async def token_embeddings(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body, command = llamacpp.parse_embedding(await body_of(request, server))
    model_id = resolved(server, record_of(request.scope), body.model)
    turn = server.turn(model_id, body.priority)
    use = cache_use(request.scope["headers"])
    asking = vectors_of(server, record_of(request.scope), model_id, command, turn, use)
    embedded = (await until_disconnect(request.receive, asking)).embedded
    return json_response(await built(partial(llamacpp.embedding_body, embedded), len(embedded.vectors)))


async def rerank(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return await _answered(request, server, "rerank", _rerank)


async def tokenize(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body, command = llamacpp.parse_tokenize(await body_of(request, server))
    tokenized = await until_disconnect(
        request.receive, tokens_of(server, record_of(request.scope), body.model, command)
    )
    build = partial(llamacpp.tokenize_body, body, tokenized)
    return json_response(await built(build, len(tokenized.tokens) // _TOKENS_LIKE_A_VECTOR))


async def detokenize(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body, command = llamacpp.parse_detokenize(await body_of(request, server))
    detokenized = await until_disconnect(request.receive, _detokenize(request, server, body.model, command))
    return json_response(llamacpp.detokenize_body(detokenized))


async def apply_template(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body, command = parse_apply_template(await body_of(request, server))
    tokenized = await until_disconnect(
        request.receive, tokens_of(server, record_of(request.scope), body.model, command)
    )
    return json_response(llamacpp.apply_template_body(tokenized))


async def _answered(request: ApiRequest, server: ServerState, path: str, here: AnswerHere) -> Response[bytes]:
    """What the named model makes of the body: one of this machine by `here`, an upstream at `path`."""
    raw = await body_of(request, server)

    async def ask(target: Target) -> bytes:
        model_id = target.model_id
        server.begin(record_of(request.scope), model_id)
        if server.registry.takes_openai_bodies(model_id):
            use = cache_use(request.scope["headers"])
            return await Relay(server, model_id, path, raw, record_of(request.scope), use).body()
        return await here(request, server, model_id, raw)

    head = head_of(raw)
    model = server.registry.names.first_known(head.spellings)
    attempts = server.registry.routing.attempts(model, head.sticky_key)
    async with time_limit(server.settings.server.request_timeout_s):
        return json_response(await until_disconnect(request.receive, first_body(attempts, ask)))


async def _embed(request: ApiRequest, server: ServerState, model_id: ModelId, raw: bytes) -> bytes:
    wanted = parse_embedding(raw)
    turn = server.turn(model_id, wanted.priority, wanted.keep_alive_s)
    use = cache_use(request.scope["headers"]) if wanted.uses_response_cache else "off"
    found = await vectors_of(server, record_of(request.scope), model_id, wanted.command, turn, use)
    build = partial(embedding_body, wanted, found.listed_id, found.embedded)
    return await built(build, len(found.embedded.vectors))


async def _rerank(request: ApiRequest, server: ServerState, model_id: ModelId, raw: bytes) -> bytes:
    wanted = parse_rerank(raw)
    turn = server.turn(model_id, wanted.priority, wanted.keep_alive_s)
    record = record_of(request.scope)

    async def compute() -> Reranked:
        async with server.registry.acquire(model_id, turn) as lease:
            reranked = await lease.rerank(wanted.query, wanted.documents)
        server.metrics.of(model_id).count_prompt(reranked.n_prompt_tokens)
        return reranked

    use = cache_use(request.scope["headers"]) if wanted.uses_response_cache else "off"
    pieces = PieceCache(server.registry, server.responses, model_id, use)
    reranked, record.is_cache_hit = await cached_ranking(pieces, wanted.query, wanted.documents, compute)
    record.n_prompt_tokens = reranked.n_prompt_tokens
    return rerank_body(wanted, server.registry.settings_of(model_id).listed_id, reranked)


async def _detokenize(request: ApiRequest, server: ServerState, model: str | None, command: Detokenize) -> Detokenized:
    async with server.registry.acquire(resolved(server, record_of(request.scope), model)) as lease:
        return await lease.detokenize(command)


ROUTES = (
    Route("POST", "/v1/chat/completions", chat_completions, "Answer a chat", body=ChatBody, media_types=(JSON, EVENTS)),
    Route("POST", "/v1/chat/completions/input_tokens", count_chat_tokens, "How long a chat is", body=ChatBody),
    Route("POST", "/v1/completions", completions, "Continue a text", body=CompletionBody, media_types=(JSON, EVENTS)),
    Route("POST", "/v1/embeddings", embeddings, "Vectors of texts", body=EmbeddingBody),
    Route(
        "POST",
        "/embedding",
        token_embeddings,
        "Vectors of texts, or of their tokens where the model doesn't pool",
        body=llamacpp.TokenEmbeddingBody,
    ),
    Route("POST", "/v1/rerank", rerank, "Documents in the order in which they answer a query", body=RerankBody),
    Route("POST", "/v1/reranking", rerank, "llama.cpp's name for /v1/rerank", body=RerankBody),
    Route("POST", "/v1/tokenize", tokenize, "Text to token ids", body=llamacpp.TokenizeBody),
    Route("POST", "/v1/detokenize", detokenize, "Token ids to text", body=llamacpp.DetokenizeBody),
    Route("POST", "/v1/apply-template", apply_template, "The prompt a chat becomes", body=ChatBody),
)

"""The OpenAPI 3.1 document, made from the same structs that decode the bodies."""

from __future__ import annotations

from functools import cache

import msgspec

from lsrv import __version__
from lsrv.api.admin.bodies import DefaultBody
from lsrv.api.dialects.fields.adapters import LoadAdapterBody, UnloadAdapterBody
from lsrv.api.dialects.llamacpp import ApplyTemplateBody, DetokenizeBody, TokenEmbeddingBody, TokenizeBody
from lsrv.api.dialects.models import TuneBody, VerbBody
from lsrv.api.dialects.openai.chat import ChatBody
from lsrv.api.dialects.openai.completion import CompletionBody
from lsrv.api.dialects.openai.embedding import EmbeddingBody
from lsrv.api.dialects.rerank import RerankBody

_REF = "#/components/schemas/{name}"


class _Route(msgspec.Struct, frozen=True):
    method: str
    path: str
    summary: str
    body: type[msgspec.Struct] | None = None
    has_stream: bool = False


_ROUTES = (
    _Route("post", "/v1/chat/completions", "Answer a chat", ChatBody, has_stream=True),
    _Route("post", "/v1/completions", "Continue a text", CompletionBody, has_stream=True),
    _Route("post", "/v1/embeddings", "Vectors of texts", EmbeddingBody),
    _Route("post", "/v1/rerank", "Documents in the order in which they answer a query", RerankBody),
    _Route("get", "/v1/models", "List the models; never loads one"),
    _Route("get", "/v1/models/{model_id}", "One model; ids may contain slashes"),
    _Route("get", "/v1/models/{model_id}/plan", "What a load would take, and whom it would evict; loads nothing"),
    _Route("get", "/v1/routes", "The routes of models.toml, what became of their requests, and of shadow copies"),
    _Route("get", "/v1/routes/{route_id}", "One of them"),
    _Route("post", "/v1/models/load", "Load a model, and wait until it is loaded", VerbBody),
    _Route("post", "/v1/models/unload", "Unload a model after its running requests", VerbBody),
    _Route("post", "/v1/models/reload", "Load an unloaded model", VerbBody),
    _Route("post", "/v1/models/status", "State of a model", VerbBody),
    _Route("post", "/v1/models/tune", "Which weights of a model fit this machine, with which context", TuneBody),
    _Route("get", "/v1/models/{model_id}/cache", "What the response cache keeps of a model, and how often that helped"),
    _Route("delete", "/v1/models/{model_id}/cache", "Delete the kept answers of a model"),
    _Route("get", "/v1/lora_adapters", "List adapters; `?model=` those of one model"),
    _Route("post", "/v1/load_lora_adapter", "Load an adapter; its model goes on serving", LoadAdapterBody),
    _Route("post", "/v1/unload_lora_adapter", "Unload an adapter; its model goes on serving", UnloadAdapterBody),
    _Route("get", "/lora-adapters", "llama.cpp's list of adapters; `scale` applies by default"),
    _Route("post", "/lora-adapters", "Set what applies to requests that choose no adapter: [{id, scale}]"),
    _Route(
        "post", "/embedding", "Vectors of texts, or of their tokens where the model doesn't pool", TokenEmbeddingBody
    ),
    _Route("post", "/tokenize", "Text to token ids", TokenizeBody),
    _Route("post", "/detokenize", "Token ids to text", DetokenizeBody),
    _Route("post", "/apply-template", "The prompt a chat becomes", ApplyTemplateBody),
    _Route("get", "/admin/status", "Entries, workers with their memory, budget, queues"),
    _Route("get", "/admin/models/{model_id}/logs", "Last lines of a worker, and of the one before"),
    _Route("get", "/admin/models/{model_id}/cache", "What a model's prefix cache holds, and how often it helped"),
    _Route("post", "/admin/default", "Another default model, for this run", DefaultBody),
    _Route("get", "/admin/events", "What happens, as server-sent events", has_stream=True),
    _Route("post", "/admin/reload", "Take in the config file anew; what it changed"),
    _Route("get", "/health", "The server answers"),
    _Route("get", "/readyz", "The server takes requests: not draining, and preloads are done"),
    _Route("get", "/metrics", "Prometheus metrics"),
)

_ERROR_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}


@cache
def openapi_body() -> bytes:
    """The document as JSON."""
    bodies = [route.body for route in _ROUTES if route.body is not None]
    _, schemas = msgspec.json.schema_components(bodies, ref_template=_REF, schema_hook=_any_schema)
    paths: dict[str, dict[str, object]] = {}
    for route in _ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "lsrv",
                "version": __version__,
                "description": "Many GGUF models on one OpenAI-compatible port. /v1/… routes answer without /v1, too.",
            },
            "paths": paths,
            "components": {
                "schemas": schemas | {"Error": _ERROR_SCHEMA},
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"key": []}],
        }
    )


def _any_schema(kind: type) -> dict[str, object]:
    """`object` and `Raw` are what msgspec has no schema for: any JSON value."""
    if kind not in (object, msgspec.Raw):
        raise NotImplementedError
    return {"description": "Any JSON value."}


def _operation(route: _Route) -> dict[str, object]:
    content: dict[str, object] = {"text/plain" if route.path == "/metrics" else "application/json": {}}
    if route.has_stream:
        content["text/event-stream"] = {}
    error = {"description": "What was wrong", "content": {"application/json": {"schema": _ref("Error")}}}
    operation: dict[str, object] = {
        "summary": route.summary,
        "operationId": f"{route.method}{route.path.replace('/', '_')}",
        "responses": {"200": {"description": "Done", "content": content}, "default": error},
    }
    if "{model_id}" in route.path:
        operation["parameters"] = [{"name": "model_id", "in": "path", "required": True, "schema": {"type": "string"}}]
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(route.body.__name__)}},
        }
    return operation


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}

"""The route table: every path the API answers, with its unversioned alias, and its label in metrics."""

from __future__ import annotations

import re

_SLASHES = re.compile("/+")

HEALTH = ("/health", "/healthz", "/readyz")

GENERATING = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank", "/v1/reranking")
VERBS = ("/v1/models/load", "/v1/models/unload", "/v1/models/reload", "/v1/models/status", "/v1/models/tune")
PLAN = "/plan"  # behind /v1/models/{id}: what a load would take and do
CACHE = "/cache"  # behind /v1/models/{id}: GET tells of the response cache, DELETE empties it
ROUTES = "/v1/routes"  # the virtual models of models.toml, and what their shadows did
ADMIN = "/admin/"  # whatever begins so needs an admin key
ADMIN_ROUTES = ("/admin/status", "/admin/reload", "/admin/default", "/admin/events")
PULL = "/api/pull"
EMBEDDING = "/embedding"  # llama.cpp's own; unlike the others it has no twin below /v1
ADAPTER_VERBS = ("/v1/load_lora_adapter", "/v1/unload_lora_adapter")
DEFAULT_ADAPTERS = "/v1/lora-adapters"  # llama.cpp's: GET lists, POST sets what applies by default
LLAMA_CPP = ("/tokenize", "/detokenize", "/apply-template")

ADAPTERS = (*ADAPTER_VERBS, "/v1/lora_adapters", DEFAULT_ADAPTERS)

_KNOWN = {
    path
    for versioned in (*GENERATING, *VERBS, *ADAPTERS, "/v1/models", ROUTES, *(f"/v1{path}" for path in LLAMA_CPP))
    for path in (versioned, versioned.removeprefix("/v1"))
} | {*HEALTH, *ADMIN_ROUTES, PULL, EMBEDDING, "/", "/metrics", "/docs", "/openapi.json"}


def with_alias(path: str) -> list[str]:
    """A `/v1/…` path and its unversioned twin."""
    return [path, path.removeprefix("/v1")]


def plain_path(path: str) -> str:
    """`path` as routes are matched: repeated slashes and one at the end mean nothing."""
    return _SLASHES.sub("/", path).rstrip("/") or "/"


def route_label(path: str) -> str:
    """`path` as a metric label: one of a fixed set, whatever clients ask for."""
    if path in _KNOWN:
        return path if path.startswith("/v1/") or f"/v1{path}" not in _KNOWN else f"/v1{path}"
    if path.startswith(("/v1/models/", "/models/")):
        return "/v1/models/{id}"
    if path.startswith(("/v1/routes/", "/routes/")):
        return "/v1/routes/{id}"
    if path.startswith("/admin/models/"):
        return "/admin/models/{id}"
    return "other"

"""Model listing and model verbs: views to bodies. Pure; the handlers are in `routes/models`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec

from lsrv.api.http.errors import error_message
from lsrv.echo import echo
from lsrv.errors import LsrvError, ModelDisabledError, ModelNotFoundError, NothingToLoadError
from lsrv.model_id import ModelId
from lsrv.registry import EntryView, ModelFacts, RouteView

VerbStatus = Literal["loaded", "unloaded", "reloading", "disabled", "not_found", "no_loader_config", "internal_error"]

DEFAULT_ID = "default"
_NO_FACTS: Mapping[ModelId, ModelFacts] = MappingProxyType({})
_CAPABILITIES = {"text": ("completion", "chat"), "embedding": ("embedding",), "rerank": ("rerank",)}


class VerbBody(msgspec.Struct, kw_only=True):
    model_id: str | None = None
    model: str | None = None
    force: bool = False


class TuneBody(msgspec.Struct, kw_only=True):
    model_id: str | None = None
    model: str | None = None
    context_lengths: Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(max_length=32)] = []


class VerbAnswers(msgspec.Struct, kw_only=True):
    models: list[VerbAnswer]


class VerbAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    model_id: str
    status: VerbStatus
    error: str | None = None
    log: list[str] = []
    success: bool = False  # told where llama-server's router has its verbs, if so


FactsOf = Mapping[ModelId, ModelFacts]  # of models that are not loaded, where their weights are here


def listing(
    views: Iterable[EntryView],
    routes: Iterable[RouteView],
    facts: FactsOf = _NO_FACTS,
    *,
    default_id: str | None = None,
    is_only_available: bool = False,
) -> list[dict[str, object]]:
    """`data` of `GET /v1/models`: `default`, then every entry in config order, each with its adapters, then routes."""
    views = list(views)
    shown = [view for view in views if not is_only_available or view.endpoint_status == "ready"]
    created = min((view.created for view in views), default=0)
    default: dict[str, object] = {"id": DEFAULT_ID, "object": "model", "created": created, "owned_by": "local"}
    entries = (
        each
        for view in shown
        for each in (model_object(view, facts.get(view.model_id), default_id), *adapter_objects(view, facts))
    )
    return [default, *entries, *(route_object(route) for route in routes if route.is_ready or not is_only_available)]


def route_object(route: RouteView) -> dict[str, object]:
    """A route as a model object. Like `default` it has no status: its models have."""
    return {
        "id": route.model_id,
        "object": "model",
        "created": route.created,
        "owned_by": "local",
        "endpoint_status": "ready" if route.is_ready else "error",
        "route": route.members,
    }


def adapter_objects(view: EntryView, facts: FactsOf = _NO_FACTS) -> list[dict[str, object]]:
    """The adapters of an entry, each as a model with that entry for its parent."""
    base = model_object(view, facts.get(view.model_id))
    return [
        base
        | {
            "id": f"{view.listed_id}:{adapter.name}",
            "root": adapter.source,
            "parent": view.listed_id,
            "adapter_generation": adapter.generation,
            "aliases": [f"{alias}:{adapter.name}" for alias in view.aliases],
            "display_name": f"{view.display_name or view.listed_id}: {adapter.name}",
        }
        for adapter in view.adapters
    ]


def model_object(view: EntryView, facts: ModelFacts | None = None, default_id: str | None = None) -> dict[str, object]:
    """One entry as OpenAI's model object with mistral.rs's, llama.cpp's and our own fields.

    `facts` speak for a model that is not loaded; `default_id`: the canonical id of the default entry.
    """
    capabilities = view.capabilities or (_CAPABILITIES.get(facts.kind, ()) if facts is not None else ())
    body: dict[str, object] = {
        "id": view.listed_id,
        "object": "model",
        "created": view.created,
        "owned_by": view.owned_by,
        "status": view.status,
        "endpoint_status": view.endpoint_status,
        "root": view.model_id,
        "aliases": list(view.aliases),
        "display_name": view.display_name or view.listed_id,
        "description": view.description,
        "is_default": view.model_id == default_id,
        "capabilities": list(capabilities),
        "tools_available": "tools" in view.capabilities,
        "mcp_tools_count": 0,
        "mcp_servers_connected": 0,
        "meta": _meta(view),
    }
    if view.info is not None:
        body["context_window"] = view.info.n_ctx_seq
        if view.info.can_embed:
            body["embedding_dimension"] = body["embedding_dimensions"] = view.info.n_embd
    elif facts is not None:
        if facts.n_ctx_train:
            body["context_window"] = min(facts.n_ctx_train, facts.n_ctx_said or facts.n_ctx_train)
        if "embedding" in capabilities and facts.n_embd:
            body["embedding_dimension"] = body["embedding_dimensions"] = facts.n_embd
    if view.error is not None:
        body["error"] = {"message": view.error.message, "code": view.error.code}
    return body


def _meta(view: EntryView) -> dict[str, object]:
    meta: dict[str, object] = {
        "n_running": view.n_running,
        "n_waiting": view.n_waiting,
        "n_slots_busy": view.heartbeat.n_slots_busy if view.heartbeat is not None else 0,
        "last_used_s_ago": view.last_used_s_ago,
    }
    if view.status == "unloaded" and view.unload_reason:
        meta["unload_reason"] = view.unload_reason
    if view.weights is not None:
        weights = view.weights
        meta |= {
            "quantization": weights.quantization,
            "size": weights.size_bytes,
            "file": PurePath(weights.path).name,
            "origin": weights.origin,
            "chosen_because": weights.chosen_because,
            "made_here": weights.is_made_here,
        }
    if view.info is not None:
        info = view.info
        meta |= {
            "expires_in_s": None if math.isinf(view.expires_in_s) else round(view.expires_in_s, 3),
            "n_ctx": info.n_ctx_seq,
            "n_ctx_because": view.context_because or "so configured",
            "placed_because": view.place_because or "so configured",
            "n_ctx_train": info.n_ctx_train,
            "has_chat_template": info.has_chat_template,
            "n_slots": info.n_slots,
            "n_vocab": info.n_vocab,
            "n_embd": info.n_embd,
            "n_params": info.n_params,
            "arch": info.arch,
            "quantization": info.quantization,
            "size": info.size_bytes,
            "memory": info.memory,
            "needed_bytes": view.needed_bytes,
        }
    return meta


def verb_answer(model_id: str, view: EntryView) -> VerbAnswer:
    """What a verb or a status query says about an entry in that state."""
    if view.status == "error":
        message = view.error.message if view.error else "the model could not be loaded"
        return VerbAnswer(model_id=model_id, status="internal_error", error=message, log=list(view.log_tail))
    return VerbAnswer(model_id=model_id, status=view.status)


def verb_failure(model_id: str, error: LsrvError) -> VerbAnswer:
    """The same for a verb that raised."""
    status: VerbStatus = "internal_error"
    if isinstance(error, ModelNotFoundError):
        status = "not_found"
    elif isinstance(error, ModelDisabledError | NothingToLoadError):
        status = "no_loader_config"
    log = error.fields.get("log")
    return VerbAnswer(
        model_id=echo(model_id) if status == "not_found" else model_id,  # what is here may have a long path for a name
        status=status,
        error=error_message(error),
        log=log if isinstance(log, list) else [],
    )


STRICT_STATUS: dict[VerbStatus, int] = {"not_found": 404, "no_loader_config": 409, "internal_error": 500}

"""`GET /v1/models` for Anthropic's clients. Views to bodies. Pure.

Its coding client offers those alone whose id begins with claude or anthropic, so that each alias is listed, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from lsrv.api.dialects.fields.page_limit import page_limit
from lsrv.api.dialects.fields.timestamp import rfc3339
from lsrv.errors import ModelNotFoundError
from lsrv.registry import EntryView, RouteView

MAX_LISTED = 1000
_DEFAULT_LISTED = 20

_Fields = dict[str, object]
_encode = msgspec.json.Encoder().encode


def models_known(views: Iterable[EntryView], routes: Iterable[RouteView]) -> list[_Fields]:
    """Every name that can be asked: entries in config order with aliases and adapters, then routes."""
    entries = [item for view in views if view.status != "disabled" for item in _names(view)]
    return entries + [_object(route.model_id, route.model_id, route.created) for route in routes]


def models_page(models: list[_Fields], query: Mapping[str, str]) -> bytes:
    """The part of them that `query` asks for (limit, after_id, before_id). Raises RequestError."""
    limit = page_limit(query.get("limit"), default=_DEFAULT_LISTED, most=MAX_LISTED)
    ids = [model["id"] for model in models]
    first, last = 0, len(models)
    if (after_id := query.get("after_id")) in ids:
        first = ids.index(after_id) + 1
    if (before_id := query.get("before_id")) in ids:
        last = ids.index(before_id)
        first = max(first, last - limit)
    page = models[first:last][:limit]
    has_more = first > 0 if before_id in ids else first + len(page) < last
    ends = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return _encode({"data": page, "has_more": has_more, "first_id": ends[0], "last_id": ends[1]})


def model_body(models: list[_Fields], wanted: str) -> bytes:
    """One of them. Raises ModelNotFoundError."""
    for model in models:
        if model["id"] == wanted:
            return _encode(model)
    raise ModelNotFoundError(f"There is no model of that name; GET /v1/models lists all {len(models)}.")


def _names(view: EntryView) -> list[_Fields]:
    n_ctx = view.info.n_ctx_seq if view.info is not None else None
    ids = [view.listed_id, *view.aliases, *(f"{view.listed_id}:{adapter.name}" for adapter in view.adapters)]
    return [_object(each, view.listed_id, view.created, n_ctx) for each in dict.fromkeys(ids)]


def _object(model_id: str, display_name: str, created: int, n_ctx: int | None = None) -> _Fields:
    return {
        "type": "model",
        "id": model_id,
        "display_name": display_name,
        "created_at": rfc3339(created),
        "lifecycle": "active",
        "max_input_tokens": n_ctx,
        "max_tokens": n_ctx,
    }

"""What a person reads when a server starts: where it is, what it serves, what to mend, what to try. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import lsrv
from lsrv.cli.table import columns, size
from lsrv.config import LoadedSettings, ModelSettings, ServerSettings
from lsrv.registry import EntryView

_ANY_ADDRESS = ("0.0.0.0", "::")  # what a user writes, not what we bind
_N_SHOWN_WARNINGS = 20


def banner(loaded: LoadedSettings, views: Sequence[EntryView], default_model_id: str | None, port: int) -> str:
    """The start banner of a server that listens on `port`; `views` in config order."""
    server = loaded.settings.server
    address = address_of(server.host, port)
    source = ", ".join(str(path) for path in loaded.files)
    parts = [
        f"lsrv {lsrv.__version__} on {address}" + (f"  ({source})" if source else ""),
        _models(views, default_model_id),
        *_problems(views),
        *_warnings(loaded.warnings),
        *_reach(server),
    ]
    example = _example(loaded.settings.models, views, default_model_id)
    if example is not None:
        parts.append("Try it:\n  " + curl(address, example, has_keys=bool(server.api_keys)))
    parts.append(f"Reference: {address}/docs   Another terminal: lsrv ps   Stop: Ctrl-C")
    return "\n\n".join(parts) + "\n"


def address_of(host: str, port: int) -> str:
    """The address to type on this machine for a server bound to `host`."""
    if host in _ANY_ADDRESS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def curl(address: str, model: ModelSettings, *, has_keys: bool) -> str:
    """A command line that gets an answer from `model`."""
    if model.kind == "embedding":
        route, body = "embeddings", {"model": model.listed_id, "input": "Hello!"}
    else:
        messages = [{"role": "user", "content": "Hello!"}]
        route, body = "chat/completions", {"model": model.listed_id, "messages": messages, "max_tokens": 64}
    key = ' -H "authorization: Bearer $LSRV_API_KEY"' if has_keys else ""
    data = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl {address}/v1/{route} -H 'content-type: application/json'{key} -d {data}"


def _models(views: Sequence[EntryView], default_model_id: str | None) -> str:
    rows = [_row(view, is_default=view.model_id == default_model_id) for view in views]
    table = columns(["", "MODEL", "ALSO", "QUANT", "SIZE", "STATE"], rows)
    note = "\n* answers when a request names no model" if default_model_id is not None else ""
    return table + note


def _row(view: EntryView, *, is_default: bool) -> list[str]:
    others = [name for name in (*view.aliases, view.model_id) if name != view.listed_id]
    weights = view.weights
    return [
        "*" if is_default else " ",
        view.listed_id,
        ", ".join(others),
        weights.quantization if weights else "",
        size(weights.size_bytes) if weights else "",
        state_of(view),
    ]


def state_of(view: EntryView) -> str:
    """The state of an entry in a person's words."""
    if view.status == "error":
        return "can't be served"
    if view.status == "unloaded":
        return "loads on first use"
    if view.status == "reloading":
        return "loading"
    return view.status


def _problems(views: Sequence[EntryView]) -> list[str]:
    lines = [f"  {view.listed_id}: {view.error.message}" for view in views if view.error is not None]
    return ["Can't be served yet:\n" + "\n".join(lines)] if lines else []


def _warnings(warnings: Sequence[str]) -> list[str]:
    if not warnings:
        return []
    shown = [f"  {warning}" for warning in warnings[:_N_SHOWN_WARNINGS]]
    n_more = len(warnings) - len(shown)
    more = [f"  and {n_more} more: lsrv config check"] if n_more else []
    return ["Warnings:\n" + "\n".join([*shown, *more])]


def _reach(server: ServerSettings) -> list[str]:
    """Who else may use the port, where that is not nobody."""
    if server.host in ("127.0.0.1", "::1", "localhost"):
        return []
    if server.api_keys or server.insecure:
        return []
    return ["Other machines get 403: set api_keys in [server], or insecure = true to serve them without a key."]


def _example(
    models: Sequence[ModelSettings], views: Sequence[EntryView], default_model_id: str | None
) -> ModelSettings | None:
    """The entry to show in the example: the default if it can be served, else the first that can."""
    usable = {view.model_id for view in views if view.status not in ("error", "disabled")}
    candidates = sorted(models, key=lambda model: model.model_id != default_model_id)
    return next((model for model in candidates if model.model_id in usable), None)

"""`lsrv ps`: what a running server serves, and how busy it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import rich_click as click

from lsrv.cli.options import json_option, server_options

if TYPE_CHECKING:
    from lsrv.cli.client import JsonObject

_HEADER = ["MODEL", "STATUS", "QUANT", "MEMORY", "SLOTS", "REQUESTS", "SINCE"]


@click.command()
@server_options
@json_option
def ps(url: str, api_key: str | None, as_json: bool) -> None:
    """List the models of a running server: state, memory, slots busy, requests. Loads nothing."""
    from lsrv.cli.client import ServerClient
    from lsrv.cli.table import columns

    answer = ServerClient(url, api_key).get("/v1/models")
    models = [model for model in answer.get("data", []) if "status" in model]  # the `default` pseudo-model has none
    if as_json:
        click.echo(json.dumps(models, indent=2))
        return
    click.echo(columns(_HEADER, [_row(model) for model in models]))
    for model in models:
        if model.get("error"):
            click.echo(f"\n{model['id']}: {_reason(model['error'])}", err=True)


def _row(model: JsonObject) -> list[str]:
    from lsrv.cli.table import duration, size

    meta: dict[str, Any] = model.get("meta") or {}
    return [
        model["id"],
        model["status"],
        meta.get("quantization") or "",
        size(meta.get("memory_bytes")),
        _slots(meta),
        _requests(meta),
        duration(meta.get("since_s")),
    ]


def _slots(meta: JsonObject) -> str:
    return f"{meta.get('n_slots_busy', 0)}/{meta['n_slots']}" if meta.get("n_slots") else ""


def _requests(meta: JsonObject) -> str:
    running, waiting = meta.get("n_running", 0), meta.get("n_waiting", 0)
    return f"{running}, {waiting} waiting" if waiting else str(running)


def _reason(error: object) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)

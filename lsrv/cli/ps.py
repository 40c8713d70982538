"""`lsrv ps`: what a running server serves, and how busy it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.options import json_option, server_options

if TYPE_CHECKING:
    from lsrv.cli.client import JsonObject

_HEADER = ["MODEL", "STATUS", "QUANT", "MEMORY", "SLOTS", "REQUESTS", "LAST USED"]


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
            click.echo(f"\n{model['id']}: {model['error']['message']}", err=True)


def _row(model: JsonObject) -> list[str]:
    from lsrv.cli.table import duration
    from lsrv.units import size

    meta: JsonObject = model["meta"]
    idle_s = meta["last_used_s_ago"]
    return [
        model["id"],
        model["status"],
        meta.get("quantization", ""),
        size(_memory_bytes(meta)),
        f"{meta['n_slots_busy']}/{meta['n_slots']}" if "n_slots" in meta else "",
        f"{meta['n_running']}" + (f", {meta['n_waiting']} waiting" if meta["n_waiting"] else ""),
        "" if idle_s is None else f"{duration(idle_s)} ago",
    ]


def _memory_bytes(meta: JsonObject) -> int | None:
    """Weights, KV cache and buffers, by llama.cpp's own count; None for a model that is not loaded."""
    memory: JsonObject | None = meta.get("memory")
    return None if memory is None else sum(value for name, value in memory.items() if name.endswith("_bytes"))

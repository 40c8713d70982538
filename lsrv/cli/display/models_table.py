"""The models of a running server as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lsrv.cli.client import JsonObject, ServerClient
from lsrv.cli.display.table import columns, duration
from lsrv.units import size

_HEADER = ["MODEL", "STATUS", "QUANT", "MEMORY", "SLOTS", "REQUESTS", "LAST USED", "UNLOADED BECAUSE"]
_SHORTEST_NAME = 16
_NOTHING: Mapping[str, str] = {}


def listed(client: ServerClient) -> list[JsonObject]:
    """What the server lists, without the `default` pseudo-model. Loads nothing."""
    return [model for model in client.get("/v1/models").get("data", []) if "status" in model]


def models_table(models: Sequence[JsonObject], steps: Mapping[str, str] = _NOTHING, width: int | None = None) -> str:
    """A row for each; `steps`: how far loads are, by id; in a terminal of that `width` long names give way."""
    rows = [_row(model, steps.get(model["id"], "")) for model in models]
    if width is not None:
        others = columns(_HEADER[1:-1], [row[1:-1] for row in rows]).splitlines()
        limit = max(_SHORTEST_NAME, width - 2 - max(map(len, others)))
        rows = [[_shortened(row[0], limit), *row[1:]] for row in rows]
    return columns(_HEADER, rows)


def _shortened(name: str, limit: int) -> str:
    """`name` with its middle left out: names of models and of their adapters differ at both ends."""
    n_tail = (limit - 1) // 2
    return name if len(name) <= limit else f"{name[: limit - 1 - n_tail]}…{name[-n_tail:]}"


def _row(model: JsonObject, step: str) -> list[str]:
    if "parent" in model:  # an adapter: its model's row tells the rest
        return [model["id"], model["status"], *[""] * (len(_HEADER) - 2)]
    meta: JsonObject = model["meta"]
    idle_s = meta["last_used_s_ago"]
    return [
        model["id"],
        f"{model['status']} {step}".rstrip(),
        meta.get("quantization", ""),
        size(_memory_bytes(meta)),
        f"{meta['n_slots_busy']}/{meta['n_slots']}" if "n_slots" in meta else "",
        f"{meta['n_running']}" + (f", {meta['n_waiting']} waiting" if meta["n_waiting"] else ""),
        "" if idle_s is None else f"{duration(idle_s)} ago",
        meta.get("unload_reason", ""),
    ]


def _memory_bytes(meta: JsonObject) -> int | None:
    """Weights, KV cache and buffers, by llama.cpp's own count; None for a model that is not loaded."""
    memory: JsonObject | None = meta.get("memory")
    return None if memory is None else sum(value for name, value in memory.items() if name.endswith("_bytes"))

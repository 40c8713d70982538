"""The models of a running server as a table for people. Into a pipe every column goes, on a terminal what fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lsrv.cli.client import JsonObject, ServerClient
from lsrv.cli.display.table import columns, duration
from lsrv.units import size

_SHORTEST_NAME = 16
_NOTHING: Mapping[str, str] = {}


def listed(client: ServerClient) -> list[JsonObject]:
    """What the server lists, without the `default` pseudo-model and routes. Loads nothing."""
    return [model for model in client.get("/v1/models").get("data", []) if "status" in model]


def route_lines(client: ServerClient) -> list[str]:
    """A line for each route of the server: where it leads, and how it went."""
    return [_route_line(each) for each in client.get("/v1/models").get("data", []) if "route" in each]


def models_table(models: Sequence[JsonObject], steps: Mapping[str, str] = _NOTHING, width: int | None = None) -> str:
    """A row for each. `steps`: how far loads are, by id. In a terminal of `width`, columns and long names give way."""
    names = [_name(model, steps.get(model["id"], "")) for model in models]
    cells = {column.title: [_cell(column, model) for model in models] for column in _COLUMNS}
    shown = _COLUMNS if width is None else _fitting(cells, max((len(each[1]) for each in names), default=0), width)
    header = ["MODEL", "STATUS", *(column.title for column in shown)]
    rows = [[*name, *(cells[column.title][at] for column in shown)] for at, name in enumerate(names)]
    if width is not None:
        others = columns(header[1:-1], [row[1:-1] for row in rows]).splitlines()
        limit = max(_SHORTEST_NAME, width - 2 - max(map(len, others)))
        rows = [[_shortened(row[0], limit), *row[1:]] for row in rows]
    return columns(header, rows)


@dataclass(frozen=True)
class _Column:
    """`rank`: the higher, the sooner it gives way. Of rank 0 are sentences: the terminal's edge may cut them."""

    title: str
    cell: Callable[[JsonObject], str]
    rank: int


def _fitting(cells: Mapping[str, Sequence[str]], status_width: int, width: int) -> list[_Column]:
    """The columns that say something, and fit beside a short name."""
    shown = [column for column in _COLUMNS if any(cells[column.title])]
    while (movable := [column for column in shown if column.rank]) and _width(movable, cells, status_width) > width:
        shown.remove(max(movable, key=lambda column: column.rank))
    return shown


def _width(shown: Sequence[_Column], cells: Mapping[str, Sequence[str]], status_width: int) -> int:
    each = [max(len(column.title), *map(len, cells[column.title] or [""]), 1) for column in shown]
    return _SHORTEST_NAME + 2 + max(status_width, len("STATUS")) + sum(2 + width for width in each)


def _cell(column: _Column, model: JsonObject) -> str:
    return "" if "parent" in model else column.cell(model)  # an adapter: its model's row tells the rest


def _name(model: JsonObject, step: str) -> list[str]:
    return [model["id"], model["status"] if "parent" in model else f"{model['status']} {step}".rstrip()]


def _shortened(name: str, limit: int) -> str:
    """`name` with its middle left out: names of models and of their adapters differ at both ends."""
    n_tail = (limit - 1) // 2
    return name if len(name) <= limit else f"{name[: limit - 1 - n_tail]}…{name[-n_tail:]}"


def _memory(model: JsonObject) -> str:
    """All that its worker takes, as the log and `lsrv plan` say it; "" for a model that is not loaded."""
    meta: JsonObject = model["meta"]
    buffers: JsonObject = meta.get("memory") or {}
    needed: dict[str, int] = meta.get("needed_bytes") or {}
    counted = needed.values() if needed else [each for name, each in buffers.items() if name.endswith("_bytes")]
    return size(sum(counted)) if counted else ""


def _where(model: JsonObject) -> str:
    """Which share of it lies on GPUs."""
    by_device: dict[str, int] = (model["meta"].get("memory") or {}).get("by_device") or {}
    n_bytes = sum(by_device.values())
    if not n_bytes:
        return ""
    share = 1 - by_device.get("CPU", 0) / n_bytes
    return "CPU" if share < 0.005 else "GPU" if share > 0.995 else f"GPU {share:.0%}"


def _slots(model: JsonObject) -> str:
    meta: JsonObject = model["meta"]
    return f"{meta['n_slots_busy']}/{meta['n_slots']}" if "n_slots" in meta else ""


def _requests(model: JsonObject) -> str:
    meta: JsonObject = model["meta"]
    return f"{meta['n_running']}" + (f", {meta['n_waiting']} waiting" if meta["n_waiting"] else "")


def _unloads_in(model: JsonObject) -> str:
    meta: JsonObject = model["meta"]
    if "expires_in_s" not in meta:
        return ""
    return "never" if meta["expires_in_s"] is None else duration(meta["expires_in_s"])


def _last_used(model: JsonObject) -> str:
    idle_s = model["meta"]["last_used_s_ago"]
    return "" if idle_s is None else f"{duration(idle_s)} ago"


def _also(model: JsonObject) -> str:
    names = [*model.get("aliases", []), model.get("root", "")]
    return ", ".join(dict.fromkeys(name for name in names if name and name != model["id"]))


_COLUMNS = [
    _Column("QUANT", lambda model: str(model["meta"].get("quantization", "")), 5),
    _Column("MEMORY", _memory, 1),
    _Column("ON", _where, 7),
    _Column("CONTEXT", lambda model: str(model["meta"].get("n_ctx", "")), 4),
    _Column("SLOTS", _slots, 3),
    _Column("REQUESTS", _requests, 2),
    _Column("UNLOADS IN", _unloads_in, 6),
    _Column("LAST USED", _last_used, 3),
    _Column("ALSO", _also, 8),
    _Column("UNLOADED BECAUSE", lambda model: str(model["meta"].get("unload_reason", "")), 0),
]


def _route_line(route: JsonObject) -> str:
    members = ", ".join(
        f"{member['model']} ({member['n_answered']} answered"
        + (f", {member['n_failed']} failed" if member["n_failed"] else "")
        + ")"
        for member in route["route"]
    )
    return f"{route['id']}: route to {members}"

"""Words of llama-server's router for models and what becomes of them. Pure.

https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md#using-multiple-models
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lsrv.api.http.framing import sse
from lsrv.registry import EntryView

_WORDS: Mapping[str, str] = {"loaded": "loaded", "reloading": "loading"}  # all others are "unloaded"
_SEEN = {"vision": "image", "audio": "audio"}

_encode = msgspec.json.Encoder().encode


class _Told(msgspec.Struct):
    """What events of our own feed have that a router tells."""

    model_id: str = ""
    status: str = ""
    stage: str = ""
    fraction: float = 0.0


_decoder = msgspec.json.Decoder(_Told)


def router_fields(model: Mapping[str, object], view: EntryView | None) -> dict[str, object]:
    """What a router says of a model beside, and in place of, its fields there; nothing of what is no entry."""
    if view is None:
        return {}
    capabilities = model.get("capabilities")
    can = capabilities if isinstance(capabilities, list) else []
    seen = [name for capability, name in _SEEN.items() if capability in can]
    fields: dict[str, object] = {
        "status": status_object(view.status),
        "architecture": {"input_modalities": ["text", *seen], "output_modalities": ["text"]},
    }
    return fields if view.weights is None else fields | {"path": view.weights.path}


def status_object(status: str) -> dict[str, object]:
    """A state in a router's words."""
    value: dict[str, object] = {"value": _WORDS.get(status, "unloaded")}
    return value | {"failed": True, "exit_code": 1} if status == "error" else value


def router_events(batch: bytes) -> bytes:
    """Events of our feed in a router's words; what it tells nothing of is left out."""
    return b"".join(_event(each) for each in batch.split(b"\n\n") if each)


def _event(event: bytes) -> bytes:
    name, _, data = event.partition(b"\ndata: ")
    if name in (b"event: snapshot", b"event: dropped"):
        return sse(b'{"model":"*","event":"models_reload"}') if name == b"event: snapshot" else b""
    if name not in (b"event: status", b"event: progress"):
        return event + b"\n\n" if event.startswith(b":") else b""
    told = _decoder.decode(data)
    if name == b"event: status":
        what = status_object(told.status)
        return _status_event(told.model_id, {"status": what.pop("value"), **what})
    progress = {"stages": [told.stage], "current": told.stage, "value": told.fraction}
    return _status_event(told.model_id, {"status": "loading", "progress": progress})


def _status_event(model_id: str, data: dict[str, object]) -> bytes:
    return sse(_encode({"model": model_id, "event": "model_status", "data": data}))

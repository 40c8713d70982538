"""A body in OpenAI's words on its way to an upstream, and what comes back: both keep every field they have. Pure."""

from __future__ import annotations

from typing import cast

import msgspec

from lsrv.api.dialects.fields.turn import Priority
from lsrv.api.dialects.openai.heading import new_id
from lsrv.api.dialects.openai.service_tier import priority_of
from lsrv.api.http.body import convert_body, decode_body
from lsrv.api.http.framing import sse
from lsrv.errors import UnsupportedParameterError
from lsrv.serving.defaults import Defaults, left_open_by, with_system

JsonBody = dict[str, object]

_ADAPTER_FIELDS = ("adapters", "adapter", "lora")
# For lsrv alone: a strict server answers 400 to what it does not know.
_OWN_FIELDS = frozenset(
    {*_ADAPTER_FIELDS, "normalize_adapters", "keep_alive", "cache", "cache_prompt", "response_cache", "priority"}
    | {"session_id", "mcp"}
)
_ID_PREFIXES = {"chat/completions": "chatcmpl", "completions": "cmpl"}

_decoder = msgspec.json.Decoder(dict[str, object])
_encode = msgspec.json.Encoder().encode


def read_body(raw: bytes) -> JsonBody:
    """All fields of `raw`. Raises RequestError for what no upstream can be asked."""
    body = decode_body(_decoder, raw)
    for field in _ADAPTER_FIELDS:
        if body.get(field):
            raise UnsupportedParameterError(
                f"{field}: this model is answered by another server, and has no adapters; leave it out.", param=field
            )
    return body


class _Wait(msgspec.Struct):
    priority: Priority | None = None
    service_tier: str | None = None  # an upstream may know other tiers


def priority_in(body: JsonBody) -> int | None:
    """The priority that `body` asks for; None: the entry's. Raises RequestError."""
    wait = convert_body(body, _Wait)
    return priority_of(wait.priority, wait.service_tier)


def without_own_fields(body: JsonBody) -> JsonBody:
    """`body` as an upstream may get it."""
    return {name: value for name, value in body.items() if name not in _OWN_FIELDS}


def outgoing(body: JsonBody, defaults: Defaults, seed: int | None) -> JsonBody:
    """`body` with the entry's defaults where it is silent."""
    filled = left_open_by(body, defaults, seed)
    if body.get("max_completion_tokens") is not None:
        filled.pop("max_tokens", None)
    messages = body.get("messages")
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if isinstance(messages, list) and all(isinstance(message, dict) for message in cast("list[object]", messages)):
        filled["messages"] = with_system(cast("list[JsonBody]", messages), defaults.system)
    return body | filled


class Incoming:
    """What comes back, under our own id, time and model."""

    def __init__(self, path: str, model_id: str, created: int) -> None:
        prefix = _ID_PREFIXES.get(path)
        own: JsonBody = {"model": model_id}
        if prefix is not None:  # a list of vectors has neither
            own |= {"id": new_id(prefix), "created": created}
        self._own = own

    def body(self, answer: JsonBody) -> bytes:
        return _encode(answer | self._own)

    def event(self, chunk: JsonBody) -> bytes:
        """One server-sent event."""
        return sse(_encode(chunk | self._own))

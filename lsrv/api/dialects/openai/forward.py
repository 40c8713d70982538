"""A body in OpenAI's words on its way to an upstream, and what comes back: both keep every field they have. Pure."""

from __future__ import annotations

from typing import cast

import msgspec

from lsrv.api.dialects.openai.heading import new_id
from lsrv.api.http.body import decode_body
from lsrv.api.http.event import sse
from lsrv.errors import UnsupportedParameterError
from lsrv.serving.defaults import Defaults, with_system

JsonBody = dict[str, object]

_ADAPTER_FIELDS = ("adapters", "adapter", "lora")
_OWN_FIELDS = (*_ADAPTER_FIELDS, "normalize_adapters", "keep_alive", "cache", "priority")  # for lsrv alone
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


def without_own_fields(body: JsonBody) -> JsonBody:
    """`body` as an upstream may get it."""
    return {name: value for name, value in body.items() if name not in _OWN_FIELDS}


def outgoing(body: JsonBody, model: str, defaults: Defaults, seed: int | None) -> JsonBody:
    """`body` under the upstream's own `model`, with the entry's defaults where it is silent."""
    filled = {name: value for name, value in _defaults(defaults, seed).items() if body.get(name) is None}
    if body.get("max_completion_tokens") is not None:
        filled.pop("max_tokens", None)
    messages = body.get("messages")
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if isinstance(messages, list) and all(isinstance(message, dict) for message in cast("list[object]", messages)):
        filled["messages"] = with_system(cast("list[JsonBody]", messages), defaults.system)
    return body | filled | {"model": model}


def _defaults(defaults: Defaults, seed: int | None) -> JsonBody:
    values: JsonBody = {
        "temperature": defaults.temperature,
        "top_p": defaults.top_p,
        "top_k": defaults.top_k,
        "min_p": defaults.min_p,
        "max_tokens": defaults.max_tokens,
        "stop": list(defaults.stop) or None,
        "seed": defaults.seed if defaults.seed is not None else seed,
    }
    return {name: value for name, value in values.items() if value is not None}


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

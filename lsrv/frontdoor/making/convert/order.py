"""What the parent asks of the child."""

from __future__ import annotations

import msgspec


class ConvertOrder(msgspec.Struct, frozen=True, kw_only=True):
    source: str  # a folder of safetensors
    target: str  # the GGUF, written from byte 0
    name: str  # general.name

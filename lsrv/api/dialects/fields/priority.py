"""How soon a request wants its turn: our own `priority`, or OpenAI's `service_tier`. Pure.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-service_tier
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lsrv.api.http.body import convert_body
from lsrv.priority import MAX_PRIORITY

Priority = Annotated[
    int, Meta(ge=-MAX_PRIORITY, le=MAX_PRIORITY, extra_json_schema={"description": "Higher is sooner; 0 is usual."})
]
ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast"]

_PRIORITIES = {"default": 0, "scale": 0, "flex": -1, "priority": 1, "fast": 1}


def priority_of(priority: int | None, service_tier: str | None) -> int | None:
    """`priority` is the exacter word, and wins; None ("auto" says that, too) leaves it to the entry."""
    return _PRIORITIES.get(service_tier) if priority is None and service_tier is not None else priority


def tier_of(priority: int) -> str:
    """What OpenAI calls the priority that a request had."""
    return "priority" if priority > 0 else "flex" if priority < 0 else "default"


class _Relayed(msgspec.Struct):
    priority: Priority | None = None
    service_tier: str | None = None


def relayed_priority(fields: dict[str, object]) -> int | None:
    """The priority in a body that an upstream answers, which may know other tiers. Raises RequestError."""
    told = convert_body(fields, _Relayed)
    return priority_of(told.priority, told.service_tier)

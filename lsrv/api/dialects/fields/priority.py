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


class Urgency(msgspec.Struct, frozen=True):
    """What a request says. `priority`: None leaves it to the entry; `says_tier`: its answer names the tier it had."""

    priority: int | None = None
    says_tier: bool = False

    def over(self, default: int) -> int:
        """The priority of a request to an entry with that default."""
        return default if self.priority is None else self.priority

    def tier(self, priority: int) -> str | None:
        """What the answer to a request that had `priority` says, in OpenAI's words."""
        if not self.says_tier:
            return None
        return "priority" if priority > 0 else "flex" if priority < 0 else "default"


def urgency_of(priority: int | None, service_tier: str | None) -> Urgency:
    """`priority` is the exacter word, and wins; "auto" leaves it to the entry."""
    if priority is None and service_tier is not None:
        priority = _PRIORITIES.get(service_tier)
    return Urgency(priority, service_tier is not None)


class _Relayed(msgspec.Struct):
    priority: Priority | None = None
    service_tier: str | None = None


def relayed_urgency(fields: dict[str, object]) -> Urgency:
    """Of a body that an upstream answers, which may know other tiers. Raises RequestError."""
    told = convert_body(fields, _Relayed)
    return urgency_of(told.priority, told.service_tier)

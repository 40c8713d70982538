"""OpenAI's word for priorities: `service_tier`, in requests and in their answers. Pure.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-service_tier
"""

from __future__ import annotations

from typing import Literal

ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast"]

_PRIORITIES = {"default": 0, "scale": 0, "flex": -1, "priority": 1, "fast": 1}


def priority_of(priority: int | None, service_tier: str | None) -> int | None:
    """Our own `priority` is the exacter word, and wins; None ("auto" says that, too) leaves it to the entry."""
    return _PRIORITIES.get(service_tier) if priority is None and service_tier is not None else priority


def tier_of(priority: int) -> str:
    """What the answer to a request that had `priority` says."""
    return "priority" if priority > 0 else "flex" if priority < 0 else "default"

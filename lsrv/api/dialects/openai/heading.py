"""What every answer in OpenAI's words begins with."""

from __future__ import annotations

import secrets

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.openai.service_tier import tier_of


def new_id(prefix: str) -> str:
    """An id for an answer, as OpenAI writes them."""
    return f"{prefix}-{secrets.token_hex(12)}"


def heading_fields(heading: Heading, answer_id: str, *, has_tier: bool) -> dict[str, object]:
    """The fields that whole answers and all chunks of a stream share. `has_tier`: the request named one."""
    tier = {"service_tier": tier_of(heading.priority)} if has_tier else {}
    return {"id": answer_id, "created": heading.created, "model": heading.model_id, **tier}

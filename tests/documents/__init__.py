"""The response cache without a server: keys, tiers, shared computations."""

from __future__ import annotations

from lsrv.protocol.events import Finished, FinishReason, Usage


def end(text: str = "a", *, reason: FinishReason = "stop", n_tokens: int = 1) -> Finished:
    """The end of a choice."""
    return Finished(1, reason, text, "", Usage(3, 0, n_tokens, 0, 0.0, 0.1, 0.2))

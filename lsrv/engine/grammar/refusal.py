"""How a grammar is refused. Knows no compiler."""

from __future__ import annotations

from lsrv.errors import GrammarError

_MAX_REASON = 400


def refusal(param: str, reason: str) -> GrammarError:
    """A constraint that can't be kept as it is given is never weakened. `param`: the field that asked for it."""
    reason = reason.strip()
    if len(reason) > _MAX_REASON:
        reason = reason[:_MAX_REASON] + " …"
    return GrammarError(f"{param} can't be used: {reason}", param=param)

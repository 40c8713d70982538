"""How a grammar is refused. Knows no compiler."""

from __future__ import annotations

from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar

_MAX_REASON = 400


def refusal(grammar: Grammar, reason: str) -> GrammarError:
    """A constraint that can't be kept as it is given is never weakened."""
    reason = reason.strip()
    if len(reason) > _MAX_REASON:
        reason = reason[:_MAX_REASON] + " …"
    return GrammarError(f"{grammar.param} can't be used: {reason}", param=grammar.param)

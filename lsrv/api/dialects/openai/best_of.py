"""Which of several answers to a prompt are the best: those whose tokens the model found likeliest. Pure.

https://platform.openai.com/docs/api-reference/completions/create: "the highest log probability per token".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lsrv.protocol.events import Finished


def best_choices(ends: Sequence[Finished], n_choices: int, n_wanted: int) -> list[Finished]:
    """The best `n_wanted` of each prompt's `n_choices` answers, the best first; in their order if all are wanted."""
    if n_wanted == n_choices:
        return list(ends)
    found: list[Finished] = []
    for start in range(0, len(ends), n_choices):
        found += sorted(ends[start : start + n_choices], key=_mean_logprob, reverse=True)[:n_wanted]
    return found


def _mean_logprob(end: Finished) -> float:
    """Per token; an answer without any comes last."""
    logprobs = [token.logprob for token in end.logprobs or ()]
    return sum(logprobs) / len(logprobs) if logprobs else -math.inf

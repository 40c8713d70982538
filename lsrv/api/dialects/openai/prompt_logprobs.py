"""`prompt_logprobs` as vLLM writes them: each token of the prompt, how likely it was, and what was likelier. Pure.

https://docs.vllm.ai: a token's id to `logprob`, `rank` and `decoded_token`; null for the first token.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsrv.protocol.events import PromptLogprob

ScoredToken = dict[str, dict[str, object]]


def scored_prompt(tokens: Sequence[PromptLogprob], n_top: int) -> list[ScoredToken | None]:
    """One entry per token: itself, then the `n_top` likeliest ones."""
    return [
        None if token.logprob is None else {str(each.token): _entry(each) for each in (token, *token.top[:n_top])}
        for token in tokens
    ]


def _entry(token: PromptLogprob) -> dict[str, object]:
    text = token.raw.decode("utf-8", "replace")
    return {"logprob": token.logprob, "rank": token.rank, "decoded_token": text}

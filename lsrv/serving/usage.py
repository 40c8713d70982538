"""What an answer of several choices took. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lsrv.protocol.events import Finished, Usage


def total_usage(finished: Sequence[Finished], n_choices: int) -> Usage:
    """Usage of all choices together: a prompt counts once, however many choices it has; times are the longest."""
    if len(finished) == 1:
        return finished[0].usage
    usages = [end.usage for end in finished]
    return Usage(
        n_prompt_tokens=sum(usage.n_prompt_tokens for usage in usages[::n_choices]),
        n_cached_tokens=sum(usage.n_cached_tokens for usage in usages[::n_choices]),
        n_completion_tokens=sum(usage.n_completion_tokens for usage in usages),
        n_reasoning_tokens=sum(usage.n_reasoning_tokens for usage in usages),
        queue_s=max(usage.queue_s for usage in usages),
        prefill_s=max(usage.prefill_s for usage in usages),
        decode_s=max(usage.decode_s for usage in usages),
        n_guessed_tokens=sum(usage.n_guessed_tokens for usage in usages),
        n_right_tokens=sum(usage.n_right_tokens for usage in usages),
        n_accepted_tokens=sum(usage.n_accepted_tokens for usage in usages),
        n_rejected_tokens=sum(usage.n_rejected_tokens for usage in usages),
    )

"""Counts and times of an answer: OpenAI's `usage`, mistral.rs's rates in it, and llama.cpp's `timings`."""

from __future__ import annotations

from lsrv.protocol.events import PrefillProgress, Usage


def usage_object(usage: Usage) -> dict[str, object]:
    """OpenAI's usage, with mistral.rs's rates (tokens per second) and times (seconds)."""
    n_total = usage.n_prompt_tokens + usage.n_completion_tokens
    total_s = usage.queue_s + usage.prefill_s + usage.decode_s
    return {
        "prompt_tokens": usage.n_prompt_tokens,
        "completion_tokens": usage.n_completion_tokens,
        "total_tokens": n_total,
        "prompt_tokens_details": {"cached_tokens": usage.n_cached_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": usage.n_reasoning_tokens,
            "accepted_prediction_tokens": usage.n_accepted_tokens,
            "rejected_prediction_tokens": usage.n_rejected_tokens,
        },
        "avg_tok_per_sec": _rate(n_total, total_s),
        "avg_prompt_tok_per_sec": _rate(_n_prefilled(usage), usage.prefill_s),
        "avg_compl_tok_per_sec": _rate(_n_decoded(usage), usage.decode_s),
        "total_time_sec": total_s,
        "total_prompt_time_sec": usage.prefill_s,
        "total_completion_time_sec": usage.decode_s,
    }


def timings_object(usage: Usage) -> dict[str, float]:
    """llama-server's timings: tokens prefilled (without cached ones), predicted and guessed; milliseconds and rates."""
    n_prefilled = _n_prefilled(usage)
    guesses = {"draft_n": usage.n_guessed_tokens, "draft_n_accepted": usage.n_right_tokens}
    return {
        "cache_n": usage.n_cached_tokens,
        "prompt_n": n_prefilled,
        "prompt_ms": usage.prefill_s * 1e3,
        "prompt_per_token_ms": _rate(usage.prefill_s * 1e3, n_prefilled),
        "prompt_per_second": _rate(n_prefilled, usage.prefill_s),
        "predicted_n": usage.n_completion_tokens,
        "predicted_ms": usage.decode_s * 1e3,
        "predicted_per_token_ms": _rate(usage.decode_s * 1e3, _n_decoded(usage)),
        "predicted_per_second": _rate(_n_decoded(usage), usage.decode_s),
        **(guesses if usage.n_guessed_tokens else {}),
    }


def progress_object(progress: PrefillProgress) -> dict[str, object]:
    """llama-server's prompt_progress."""
    return {
        "total": progress.n_prompt_tokens,
        "cache": progress.n_cached,
        "processed": progress.n_read,
        "time_ms": round(progress.elapsed_s * 1e3),
    }


def _n_prefilled(usage: Usage) -> int:
    return usage.n_prompt_tokens - usage.n_cached_tokens


def _n_decoded(usage: Usage) -> int:
    """Tokens that `decode_s` covers: the first one came out of the prefill."""
    return max(0, usage.n_completion_tokens - 1)


def _rate(amount: float, per: float) -> float:
    return amount / per if per > 0 else 0.0

"""One model's metrics under llama-server's names, for dashboards that were made for it. Pure.

https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md#get-metrics-prometheus-compatible-metrics-exporter
"""

from __future__ import annotations

from dataclasses import dataclass

from lsrv.protocol.events import Usage
from lsrv.registry import EntryView


@dataclass(slots=True)
class AnsweredTokens:
    """Sums over the answers of one model, since the server began."""

    n_prompt: int = 0  # computed ones
    n_cached: int = 0
    prompt_s: float = 0.0
    n_predicted: int = 0
    predicted_s: float = 0.0
    n_most: int = 0  # of one prompt and its answer
    n_guessed: int = 0
    n_right: int = 0

    def add(self, usage: Usage) -> None:
        """One more answer."""
        self.n_prompt += usage.n_prompt_tokens - usage.n_cached_tokens
        self.n_cached += usage.n_cached_tokens
        self.prompt_s += usage.prefill_s
        self.n_predicted += usage.n_completion_tokens
        self.predicted_s += usage.decode_s
        self.n_most = max(self.n_most, usage.n_prompt_tokens + usage.n_completion_tokens)
        self.n_guessed += usage.n_guessed_tokens
        self.n_right += usage.n_right_tokens


def llama_server_exposition(view: EntryView, sums: AnsweredTokens) -> bytes:
    """The text format. Counts of a worker begin anew with it, as a Prometheus counter may."""
    beat = view.heartbeat
    n_steps, n_decoded = (beat.n_steps, beat.n_decode_tokens) if beat is not None else (0, 0)
    rows: list[tuple[str, str, str, float]] = [
        ("counter", "prompt_tokens_total", "Number of prompt tokens processed.", sums.n_prompt),
        ("counter", "prompt_tokens_cached_total", "Number of prompt tokens reused.", sums.n_cached),
        ("counter", "prompt_seconds_total", "Prompt process time in seconds.", sums.prompt_s),
        ("counter", "tokens_predicted_total", "Number of generation tokens processed.", sums.n_predicted),
        ("counter", "tokens_predicted_seconds_total", "Predict process time in seconds.", sums.predicted_s),
        ("counter", "n_decode_total", "Total number of llama_decode() calls.", n_steps),
        ("counter", "n_tokens_max", "Most tokens of a prompt and its answer.", sums.n_most),
        ("counter", "spec_decode_num_draft_tokens_total", "Total draft tokens generated.", sums.n_guessed),
        ("counter", "spec_decode_num_accepted_tokens_total", "Total draft tokens accepted.", sums.n_right),
        (
            "gauge",
            "prompt_tokens_seconds",
            "Average prompt throughput in tokens/s.",
            _rate(sums.n_prompt, sums.prompt_s),
        ),
        (
            "gauge",
            "predicted_tokens_seconds",
            "Average generation throughput in tokens/s.",
            _rate(sums.n_predicted, sums.predicted_s),
        ),
        ("gauge", "requests_processing", "Number of requests processing.", view.n_running),
        ("gauge", "requests_deferred", "Number of requests deferred.", view.n_waiting),
        ("gauge", "n_busy_slots_per_decode", "Average busy slots per llama_decode() call.", _rate(n_decoded, n_steps)),
    ]
    return "".join(
        f"# HELP llamacpp:{name} {text}\n# TYPE llamacpp:{name} {kind}\nllamacpp:{name} {value:g}\n"
        if value != int(value)
        else f"# HELP llamacpp:{name} {text}\n# TYPE llamacpp:{name} {kind}\nllamacpp:{name} {int(value)}\n"
        for kind, name, text, value in rows
    ).encode()


def _rate(amount: float, per: float) -> float:
    return amount / per if per > 0 else 0.0

"""`generation_settings`: every setting that an answer was made with, by llama-server's names. Pure."""

from __future__ import annotations

import math

from lsrv.api.dialects.llamaserver.samplers import ALL_SAMPLERS
from lsrv.protocol.commands import Generate, Sampling

_RANDOM_SEED = 4294967295  # LLAMA_DEFAULT_SEED
_PLAIN = (
    "temperature", "dynatemp_range", "dynatemp_exponent", "top_k", "top_p", "min_p", "top_n_sigma", "xtc_probability",
    "xtc_threshold", "typical_p", "repeat_last_n", "repeat_penalty", "presence_penalty", "frequency_penalty",
    "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n",
)  # fmt: skip


def settings_object(asked: Generate, sampling: Sampling, samplers: tuple[str, ...] | None) -> dict[str, object]:
    """`sampling`: what held, defaults included; `samplers`: the names that the request had, None: all."""
    seed = asked.sampling.seed
    n_predict = -1 if asked.max_tokens is None else asked.max_tokens
    return {
        "seed": sampling.seed if seed is not None and seed >= 0 else _RANDOM_SEED,
        **{name: getattr(sampling, name) for name in _PLAIN},
        "dry_sequence_breakers": sampling.dry_sequence_breakers or [],
        "mirostat": sampling.mirostat,
        "mirostat_tau": sampling.mirostat_tau,
        "mirostat_eta": sampling.mirostat_eta,
        "stop": asked.stop,
        "max_tokens": n_predict,
        "n_predict": n_predict,
        "n_keep": 0,
        "n_discard": 0,
        "ignore_eos": asked.ignore_eos,
        "stream": asked.is_streaming,
        "logit_bias": [_bias(token, bias) for token, bias in (sampling.logit_bias or {}).items()],
        "n_probs": asked.n_top_logprobs or 0,
        "min_keep": 0,
        "grammar": asked.grammar.source if asked.grammar is not None else "",
        "samplers": [name for name in ALL_SAMPLERS if samplers is None or name in samplers],
        "timings_per_token": False,
        "post_sampling_probs": False,
        "lora": [],
    }


def _bias(token: int, bias: float) -> dict[str, object]:
    return {"bias": bias if math.isfinite(bias) else None, "token": token}

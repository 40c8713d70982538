"""Sampler settings with every default filled in: request, else model, else llama.cpp. Pure values, no sampler."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import msgspec

from lsrv.protocol.commands import MAX_REPEAT_PENALTY, MIN_REPEAT_PENALTY, Sampling

_RANDOM_BITS = 32
_COLDEST = 1e-9  # below that float32 logits divided by a temperature may overflow; the likeliest token it is
_MAX_SEED = 2**32 - 2  # 2**32 - 1 is LLAMA_DEFAULT_SEED: "choose one", which would not be repeatable


@dataclass(frozen=True, slots=True)
class SamplingValues:
    """What a sampler chain is built from. Defaults: common_params_sampling of llama.cpp's own server."""

    seed: int
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: Mapping[int, float] | None = None
    n_ctx: int = 0  # tokens that presence and frequency may have to count: no answer is longer

    @property
    def has_repeat_penalty(self) -> bool:
        """llama.cpp's own: prompt and answer, as far back as it is told."""
        return self.repeat_last_n != 0 and self.repeat_penalty != 1

    @property
    def has_count_penalties(self) -> bool:
        """OpenAI's: all of the answer, and nothing of the prompt."""
        return self.presence_penalty != 0 or self.frequency_penalty != 0

    @property
    def has_penalties(self) -> bool:
        return self.has_repeat_penalty or self.has_count_penalties

    @property
    def is_greedy(self) -> bool:
        """The likeliest token always, after bias, penalties and DRY; nothing else is asked."""
        return self.temperature < _COLDEST

    @property
    def is_plain_greedy(self) -> bool:
        """The likeliest token always, untouched by bias or history: needs no sampler chain."""
        return self.is_greedy and not (self.has_penalties or self.logit_bias or self.dry_multiplier > 0)

    @property
    def n_needed(self) -> int:
        """How many of the likeliest tokens the chain can choose from; 0: any token, or only the chain can tell.

        Known where nothing in front of top_k changes a logit or looks at all of them.
        """
        is_first = not (self.has_penalties or self.dry_multiplier > 0 or self.top_n_sigma > 0)
        return max(0, self.top_k) if is_first and self.mirostat == 0 and not self.is_greedy else 0

    @property
    def n_history(self) -> int:
        """How many tokens of the prompt the penalties look at."""
        spans = [self.repeat_last_n] if self.has_repeat_penalty else []
        spans += [self.dry_penalty_last_n] if self.dry_multiplier > 0 else []
        return max(spans, default=0)


def _repeat_penalty(text: str) -> float:
    """Logits are divided by it."""
    value = float(text)
    if not MIN_REPEAT_PENALTY <= value <= MAX_REPEAT_PENALTY:
        raise ValueError(text)
    return value


# GGUF metadata keys of a model's own recommended settings: llama_model_meta_key_str.
_META_KEYS: dict[str, tuple[str, Callable[[str], float]]] = {
    "temperature": ("general.sampling.temp", float),
    "top_k": ("general.sampling.top_k", int),
    "top_p": ("general.sampling.top_p", float),
    "min_p": ("general.sampling.min_p", float),
    "xtc_probability": ("general.sampling.xtc_probability", float),
    "xtc_threshold": ("general.sampling.xtc_threshold", float),
    "repeat_last_n": ("general.sampling.penalty_last_n", int),
    "repeat_penalty": ("general.sampling.penalty_repeat", _repeat_penalty),
    "mirostat": ("general.sampling.mirostat", int),
    "mirostat_tau": ("general.sampling.mirostat_tau", float),
    "mirostat_eta": ("general.sampling.mirostat_eta", float),
}


def model_defaults(meta: Callable[[str], str | None]) -> dict[str, float]:
    """The settings a GGUF recommends for itself; `meta` reads one metadata key. Unreadable values are left out."""
    found: dict[str, float] = {}
    for name, (key, parse) in _META_KEYS.items():
        text = meta(key)
        if text is None:
            continue
        try:
            found[name] = parse(text)
        except ValueError:
            continue
    return found


def fill_sampling(sampling: Sampling, defaults: Mapping[str, float], n_ctx_seq: int) -> SamplingValues:
    """`sampling` with `defaults` under it; a missing seed is drawn at random.

    Negative spans mean the whole context, as in llama.cpp; longer ones mean no more, and would only take memory.
    """
    values: dict[str, object] = dict(defaults)
    for field in fields(SamplingValues):
        given = getattr(sampling, field.name, None)
        if given is not None:
            values[field.name] = given
    seed = sampling.seed
    values["seed"] = secrets.randbits(_RANDOM_BITS) % _MAX_SEED if seed is None or seed < 0 else seed % (_MAX_SEED + 1)
    breakers = values.get("dry_sequence_breakers")
    if isinstance(breakers, list):
        values["dry_sequence_breakers"] = tuple(breakers)
    filled = SamplingValues(**values)  # pyright: ignore[reportArgumentType] - keys are the fields themselves
    return replace(
        filled,
        repeat_last_n=_span(filled.repeat_last_n, n_ctx_seq),
        dry_penalty_last_n=_span(filled.dry_penalty_last_n, n_ctx_seq),
        n_ctx=n_ctx_seq,
    )


def sampling_said(values: SamplingValues) -> Sampling:
    """`values` as a request would say them."""
    said = {field.name: getattr(values, field.name) for field in fields(values)}
    said["logit_bias"] = dict(values.logit_bias) if values.logit_bias else None
    return msgspec.convert(said, Sampling)


def _span(n_tokens: int, n_ctx_seq: int) -> int:
    """llama_sampler_init_dry and _penalties take a negative span for none; users, and our default, mean all."""
    return n_ctx_seq if n_tokens < 0 else min(n_tokens, n_ctx_seq)

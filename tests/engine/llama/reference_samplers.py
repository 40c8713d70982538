"""What a sampler chain should do, written down a second time: plain float64 numpy, from llama-server's documentation.

A chain is a function of logits (n_vocab,), float64, -inf where a token is out, and of the tokens so far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lsrv.engine.sampling import SamplingValues

Floats = npt.NDArray[np.float64]


def probabilities(
    logits: npt.NDArray[np.float32], values: SamplingValues, history: Sequence[int] = (), breakers: Sequence[int] = ()
) -> Floats:
    """With which probability each token comes next: (n_vocab,). `breakers`: tokens that end a repetition for DRY.

    llama-server's order: bias, penalties, DRY, top_n_sigma, top_k, typical_p, top_p, min_p, XTC, temperature.
    """
    x = logits.astype(np.float64)
    for token, bias in (values.logit_bias or {}).items():
        x[token] += bias
    x = penalized(x, history, values)
    x = dried(x, history, breakers, values)
    for truncate in (top_n_sigma, top_k, typical_p, top_p, min_p):
        x = truncate(x, values)
    share = values.xtc_probability
    return (1 - share) * heated(x, values) + share * heated(without_top_choices(x, values.xtc_threshold), values)


def softmax(x: Floats) -> Floats:
    e = np.exp(x - x.max())
    return e / e.sum()


def surprise(x: Floats) -> Floats:
    """In bits."""
    with np.errstate(divide="ignore"):
        return -np.log2(softmax(x))


def kept(x: Floats, keep: Callable[[Floats], npt.NDArray[np.bool_]]) -> Floats:
    return np.where(keep(x), x, -np.inf)


def penalized(x: Floats, history: Sequence[int], values: SamplingValues) -> Floats:
    x = x.copy()
    for token in set(history[max(0, len(history) - values.repeat_last_n) :]):
        x[token] = x[token] / values.repeat_penalty if x[token] > 0 else x[token] * values.repeat_penalty
    for token, count in Counter(history).items():
        x[token] -= values.presence_penalty + count * values.frequency_penalty
    return x


def dried(x: Floats, history: Sequence[int], breakers: Sequence[int], values: SamplingValues) -> Floats:
    """A token that once followed what the text now ends with costs more the longer that is."""
    x = x.copy()
    recent = list(history[max(0, len(history) - values.dry_penalty_last_n) :]) if values.dry_penalty_last_n else []
    longest: dict[int, int] = {}
    for place in range(1, len(recent)):
        n = 0
        while n < place and recent[place - 1 - n] == recent[-1 - n] and recent[-1 - n] not in breakers:
            n += 1
        if n and recent[place] not in breakers:
            longest[recent[place]] = max(n, longest.get(recent[place], 0))
    for token, n in longest.items():
        if n >= values.dry_allowed_length:
            x[token] -= values.dry_multiplier * values.dry_base ** (n - values.dry_allowed_length)
    return x


def top_n_sigma(x: Floats, values: SamplingValues) -> Floats:
    if values.top_n_sigma <= 0:
        return x
    return kept(x, lambda x: x >= x.max() - values.top_n_sigma * x[np.isfinite(x)].std())


def top_k(x: Floats, values: SamplingValues) -> Floats:
    return kept(x, lambda x: x >= np.sort(x)[-values.top_k]) if values.top_k > 0 else x


def typical_p(x: Floats, values: SamplingValues) -> Floats:
    """Those whose surprise is nearest to the expected one, until they have more than typical_p together."""
    if values.typical_p >= 1:
        return x
    p = softmax(x)
    distance = np.where(p > 0, np.abs(surprise(x) - expected_surprise(x)), np.inf)
    order = np.argsort(distance)
    n = int(np.searchsorted(np.cumsum(p[order]), values.typical_p, side="right")) + 1
    return kept(x, lambda x: np.isin(np.arange(len(x)), order[:n]))


def top_p(x: Floats, values: SamplingValues) -> Floats:
    """The likeliest, until they have at least top_p together."""
    p = softmax(x)
    order = np.argsort(-p)
    n = int(np.searchsorted(np.cumsum(p[order]), values.top_p)) + 1 if values.top_p < 1 else len(x)
    return kept(x, lambda x: np.isin(np.arange(len(x)), order[:n]))


def min_p(x: Floats, values: SamplingValues) -> Floats:
    return kept(x, lambda x: softmax(x) >= values.min_p * softmax(x).max())


def without_top_choices(x: Floats, threshold: float) -> Floats:
    """XTC: all at or above the threshold go, but the least likely of them."""
    p = softmax(x)
    above = p[p >= threshold]
    return kept(x, lambda _: p <= above.min()) if len(above) > 1 else x


def heated(x: Floats, values: SamplingValues) -> Floats:
    """Probabilities at the temperature, which with dynatemp_range follows the entropy."""
    temperature = values.temperature
    if values.dynatemp_range > 0:
        low = max(0.0, temperature - values.dynatemp_range)
        high = temperature + values.dynatemp_range
        evenness = expected_surprise(x) / np.log2(np.isfinite(x).sum())
        temperature = low + (high - low) * evenness**values.dynatemp_exponent
    return softmax(x / temperature)


def expected_surprise(x: Floats) -> float:
    """The entropy, in bits."""
    p = softmax(x)
    return float((p[p > 0] * surprise(x)[p > 0]).sum())

"""How patient the registry is: back-off after deaths, rechecks after failures, Retry-After. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

N_DEATHS_IN_A_ROW = 3
CRASH_WINDOW_S = 60.0  # this many deaths of a loaded model's worker within the window open the circuit

_FIRST_BACKOFF_S = 10.0
_MAX_BACKOFF_S = 300.0
_RECHECK_S = 1.0
_RETRYABLE_S = 5.0
_MAX_RETRY_AFTER_S = 120


def backoff_s(n_deaths: int) -> float:
    """Seconds to leave a model alone after `n_deaths` in a row; 0: try again at once. Doubles up to 300."""
    n_too_many = n_deaths - N_DEATHS_IN_A_ROW
    return 0.0 if n_too_many < 0 else min(_FIRST_BACKOFF_S * 2.0 ** min(n_too_many, 10), _MAX_BACKOFF_S)


def recheck_s(is_retryable: bool) -> float:
    """Seconds for which the reason of a failed load is repeated to requests before its cause is looked at again."""
    return _RETRYABLE_S if is_retryable else _RECHECK_S


def is_crash_loop(crash_times_s: Sequence[float], now_s: float) -> bool:
    """Whether a model that does load dies too often afterwards to be loaded again at once."""
    return sum(now_s - at_s <= CRASH_WINDOW_S for at_s in crash_times_s) >= N_DEATHS_IN_A_ROW


def retry_after_s(n_ahead: int, n_places: int, mean_request_s: float) -> int:
    """Whole seconds until a place is likely: `n_ahead` requests leave through `n_places`. Between 1 and 120."""
    estimate = math.ceil(mean_request_s * (n_ahead + 1) / max(n_places, 1))
    return max(1, min(estimate, _MAX_RETRY_AFTER_S))


def smoothed(mean: float, sample: float) -> float:
    """`mean` moved a fifth of the way towards `sample`; the first sample counts whole."""
    return sample if mean == 0.0 else mean + 0.2 * (sample - mean)

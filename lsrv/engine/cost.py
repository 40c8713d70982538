"""How long a llama_decode takes by what is in it, learnt from the last ones. Pure: no clock."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

_NEWEST = 0.2  # share of the newest observation in a mean
_OUTLIER = 4.0  # a step that took this many times the mean was held up by something else


@dataclass(slots=True)
class _Point:
    """Means of the observations with about as many tokens."""

    n_tokens: float
    seconds: float


@dataclass(slots=True)
class Curve:
    """Seconds by number of tokens: a point for each small number and four per power of two, straight lines between."""

    _points: dict[int, _Point] = field(default_factory=dict[int, _Point])
    _ordered: list[_Point] = field(default_factory=list[_Point])  # by tokens: a mean never leaves its power's quarter

    def observe(self, n_tokens: int, seconds: float) -> None:
        about = _about(n_tokens)
        point = self._points.get(about)
        if point is None:
            self._points[about] = _Point(n_tokens, seconds)
            self._ordered = [self._points[key] for key in sorted(self._points)]
            return
        seconds = min(seconds, _OUTLIER * point.seconds) if point.seconds > 0 else seconds
        point.n_tokens += _NEWEST * (n_tokens - point.n_tokens)
        point.seconds += _NEWEST * (seconds - point.seconds)

    def seconds(self, n_tokens: int) -> float:
        """What `n_tokens` take; beyond what was seen in proportion. 0 if nothing was seen."""
        points = self._ordered
        if not points:
            return 0.0
        at = bisect_left(points, n_tokens, key=lambda point: point.n_tokens)
        if at == 0:
            return points[0].seconds
        below = points[at - 1]
        if at == len(points):
            return below.seconds * n_tokens / below.n_tokens
        above = points[at]
        share = (n_tokens - below.n_tokens) / (above.n_tokens - below.n_tokens)
        return below.seconds + share * (above.seconds - below.seconds)

    def least_seconds(self, n_tokens: int) -> float:
        """The same, but beyond what was seen no more than the most that was seen: an invitation to try."""
        if not self._ordered or n_tokens <= self._ordered[-1].n_tokens:
            return self.seconds(n_tokens)
        return self._ordered[-1].seconds

    def n_within(self, limit_s: float, n_max: int) -> int:
        """The most tokens, up to `n_max`, that take `limit_s` at most; 0 if even one takes longer, or none was seen.

        Up to twice the most that was seen, where that took no longer: the next observation tells whether it was so.
        """
        if not self._ordered:
            return 0
        n_max = min(n_max, 2 * round(self._ordered[-1].n_tokens))
        return bisect_left(range(1, n_max + 1), True, key=lambda n: self.least_seconds(n) > limit_s)


def _about(n_tokens: int) -> int:
    """`n_tokens` rounded down to three binary digits."""
    shift = max(0, n_tokens.bit_length() - 3)
    return n_tokens >> shift << shift


@dataclass(slots=True)
class StepCost:
    """What decoding takes, and what a chunk of prefill takes on top of it."""

    decode: Curve = field(default_factory=Curve)
    prefill: Curve = field(default_factory=Curve)

    def observe(self, n_decode: int, n_prefill: int, seconds: float) -> None:
        """A llama_decode of so many tokens of either kind took `seconds`."""
        if n_prefill == 0:
            self.decode.observe(n_decode, seconds)
        else:
            self.prefill.observe(n_prefill, max(0.0, seconds - (self.decode.seconds(n_decode) if n_decode else 0.0)))

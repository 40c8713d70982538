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

    def observe(self, n_tokens: int, seconds: float) -> None:
        about = _about(n_tokens)
        point = self._points.get(about)
        if point is None:
            self._points[about] = _Point(n_tokens, seconds)
            return
        seconds = min(seconds, _OUTLIER * point.seconds) if point.seconds > 0 else seconds
        point.n_tokens += _NEWEST * (n_tokens - point.n_tokens)
        point.seconds += _NEWEST * (seconds - point.seconds)

    def knows(self, n_tokens: int) -> bool:
        """Whether as many tokens, or more, were seen."""
        return max(self._points, default=0) >= _about(n_tokens)

    def seconds(self, n_tokens: int) -> float:
        """What `n_tokens` take; beyond what was seen in proportion. 0 if nothing was seen."""
        points = sorted(self._points.values(), key=lambda point: point.n_tokens)
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

    def n_within(self, limit_s: float, n_max: int) -> int:
        """The most tokens, up to `n_max`, that take `limit_s` at most; 0 if even one takes longer, or none was seen."""
        if not self._points:
            return 0
        return bisect_left(range(1, n_max + 1), True, key=lambda n: self.seconds(n) > limit_s)


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

"""How long a llama_decode takes by what is in it, learnt from the last ones. Pure: no clock."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field

_NEWEST = 0.2  # share of the newest observation in a mean
_NEWEST_SLOWER, _NEWEST_FASTER = 0.1, 0.5  # what holds a step up passes, and nothing makes one faster than it is
_OUTLIER = 4.0  # a step that took this many times the mean was held up by something else
_N_SHALLOW = 256  # so few tokens before a chunk hardly count
_NO_TIME_S = 1e-9


@dataclass(slots=True)
class _Point:
    """Means of the observations with about as many tokens."""

    n_tokens: float
    seconds: float


@dataclass(slots=True)
class Curve:
    """Seconds by number of tokens: a point for each small number and four per power of two, straight lines between.

    slower, faster: share of a newest observation above or below the mean.
    """

    slower: float = _NEWEST
    faster: float = _NEWEST
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
        point.seconds += (self.slower if seconds > point.seconds else self.faster) * (seconds - point.seconds)

    def seconds(self, n_tokens: int) -> float:
        """What `n_tokens` take; below and beyond what was seen in proportion. 0 if nothing was seen."""
        points = self._ordered
        if not points:
            return 0.0
        at = bisect_left(points, n_tokens, key=lambda point: point.n_tokens)
        if at == 0:
            return points[0].seconds * n_tokens / points[0].n_tokens
        below = points[at - 1]
        if at == len(points):
            return below.seconds * n_tokens / below.n_tokens
        above = points[at]
        share = (n_tokens - below.n_tokens) / (above.n_tokens - below.n_tokens)
        return below.seconds + share * (above.seconds - below.seconds)

    def seconds_towards(self, n_tokens: int, beyond: Curve) -> float:
        """The same as `seconds`, but beyond what was seen by the power of n that leads to the next point of `beyond`.

        Where that knows no more either: the most that was seen, an invitation to try.
        """
        if not self._ordered or n_tokens <= self._ordered[-1].n_tokens:
            return self.seconds(n_tokens)
        last = self._ordered[-1]
        at = bisect_left(beyond._ordered, n_tokens, key=lambda point: point.n_tokens)
        if at == len(beyond._ordered) or not 0 < last.seconds < beyond._ordered[at].seconds:
            return last.seconds
        above = beyond._ordered[at]
        power = math.log(above.seconds / last.seconds) / math.log(above.n_tokens / last.n_tokens)
        return last.seconds * (n_tokens / last.n_tokens) ** power

    def n_within(self, limit_s: float, n_max: int) -> int:
        """The most tokens, up to `n_max`, that take `limit_s` at most; 0 if none do, or none were seen.

        More may take less time than fewer: kernels have thresholds. Beyond the most that was seen: as many as take that
        long in proportion, at least twice as many; the next observation tells whether it was so.
        """
        if not self._ordered:
            return 0
        most = self._ordered[-1]
        if most.n_tokens <= n_max and most.seconds <= limit_s:
            in_proportion = int(most.n_tokens * limit_s / max(most.seconds, _NO_TIME_S))
            return min(n_max, max(2 * round(most.n_tokens), in_proportion))
        if self.seconds(n_max) <= limit_s:
            return n_max
        for below, above in zip(self._ordered[-2::-1], self._ordered[:0:-1], strict=True):
            if below.n_tokens < n_max and below.seconds <= limit_s:
                share = (limit_s - below.seconds) / (above.seconds - below.seconds)
                return int(below.n_tokens + share * (above.n_tokens - below.n_tokens))
        least = self._ordered[0]
        return int(least.n_tokens * limit_s / least.seconds)


def _about(n_tokens: int) -> int:
    """`n_tokens` rounded down to three binary digits."""
    shift = max(0, n_tokens.bit_length() - 3)
    return n_tokens >> shift << shift


@dataclass(slots=True)
class ChunkCost:
    """What a chunk of a prompt takes, by its tokens and by the `n_past` before it, which attention looks at.

    The latter counts as a share per token before it, the same one for chunks of all sizes: on a CPU it is 0.001 to
    0.002 for 1 to 64 tokens of a 0.6B model, so that behind 1,500 tokens a chunk takes three times as long.
    """

    shallow: Curve = field(default_factory=Curve)  # of chunks with nothing before them
    _per_past: float = 0.0

    def seconds(self, n_tokens: int, n_past: int = 0) -> float:
        """0 if nothing was seen."""
        return self.shallow.seconds(n_tokens) * self._factor(n_past)

    def n_within(self, limit_s: float, n_max: int, n_past: int = 0) -> int:
        """The most tokens, up to `n_max`, that take `limit_s` at most; see `Curve.n_within`."""
        return self.shallow.n_within(limit_s / self._factor(n_past), n_max)

    def observe(self, n_tokens: int, n_past: int, seconds: float) -> None:
        """What is far into a prompt tells of the share rather than of chunks of that size."""
        expected_s = self.shallow.seconds(n_tokens)
        if n_past < _N_SHALLOW or not expected_s:
            self.shallow.observe(n_tokens, seconds / self._factor(n_past))
            return
        seconds = min(seconds, _OUTLIER * expected_s * self._factor(n_past))
        per_past = max(0.0, seconds / expected_s - 1) / n_past
        self._per_past += _NEWEST * (per_past - self._per_past)
        self.shallow.observe(n_tokens, expected_s + _NEWEST * (seconds / self._factor(n_past) - expected_s))

    def _factor(self, n_past: int) -> float:
        return 1 + self._per_past * n_past


@dataclass(slots=True)
class StepCost:
    """What decoding takes, and what a chunk of prefill takes on top of it."""

    decode: Curve = field(default_factory=Curve)
    prefill: ChunkCost = field(default_factory=ChunkCost)
    _calm: Curve = field(default_factory=lambda: Curve(_NEWEST_SLOWER, _NEWEST_FASTER))

    def observe(self, n_decode: int, n_prefill: int, n_past: int, seconds: float) -> None:
        """A llama_decode of so many tokens of either kind took `seconds`; its chunks began behind `n_past`."""
        if n_prefill == 0:
            self.decode.observe(n_decode, seconds)
            self._calm.observe(n_decode, seconds)
            return
        chunk_s = seconds - (self.decode.seconds(n_decode) if n_decode else 0.0)
        self.prefill.observe(n_prefill, n_past, max(0.0, chunk_s))

    def calm_seconds(self, n_decode: int) -> float:
        """What decoding takes while nothing else disturbs it: to compare sizes of which some are rarely seen.

        Sizes that were not seen yet are guessed from what prompts took. 0 if nothing was seen.
        """
        return self._calm.seconds_towards(n_decode, self.prefill.shallow)

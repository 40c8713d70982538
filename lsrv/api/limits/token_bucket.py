"""A token bucket: so much in a minute, all of it at once if need be. Pure: time is a parameter."""

from __future__ import annotations

_MINUTE_S = 60.0


class TokenBucket:
    """Full at the beginning. What is taken may be more than there is: then it is empty for longer."""

    def __init__(self, per_minute: int, now_s: float) -> None:
        self._per_minute = per_minute
        self._level = float(per_minute)
        self._at_s = now_s

    def wait_s(self, n: float, now_s: float) -> float:
        """Seconds until there are `n` in it; 0: there are. More than it ever holds counts as all it holds."""
        self._fill(now_s)
        missing = min(n, self._per_minute) - self._level
        return max(0.0, missing) * _MINUTE_S / self._per_minute

    def take(self, n: float, now_s: float) -> None:
        self._fill(now_s)
        self._level -= n

    def _fill(self, now_s: float) -> None:
        gained = max(0.0, now_s - self._at_s) * self._per_minute / _MINUTE_S
        self._level = min(float(self._per_minute), self._level + gained)
        self._at_s = max(self._at_s, now_s)

"""Requests and tokens per minute of each caller: a key, or an address where no key is needed. Pure.

The tokens of an answer are known when it ends: they count then, and whoever used more than there was waits for it.
"""

from __future__ import annotations

import math

from lsrv.api.http.errors import RateLimitError
from lsrv.api.limits.token_bucket import TokenBucket

_MOST_CALLERS = 10_000  # that are remembered: of more, who has asked nothing for the longest time is forgotten


class CallerLimits:
    """`requests_per_minute`, `tokens_per_minute` 0: no limit. Belongs to the event loop."""

    def __init__(self, requests_per_minute: int, tokens_per_minute: int) -> None:
        self._per_minute = requests_per_minute, tokens_per_minute
        self._buckets: dict[bytes, tuple[TokenBucket | None, TokenBucket | None]] = {}

    @property
    def is_on(self) -> bool:
        return any(self._per_minute)

    def admit(self, caller: bytes, now_s: float) -> None:
        """Count a request. Raises RateLimitError, which counts nothing."""
        if not self.is_on:
            return
        requests, tokens = self._of(caller, now_s)
        if requests is not None and (wait_s := requests.wait_s(1, now_s)):
            raise self._refusal(f"{self._per_minute[0]} requests", "requests_per_minute", wait_s)
        if tokens is not None and (wait_s := tokens.wait_s(1, now_s)):
            raise self._refusal(f"{self._per_minute[1]} tokens", "tokens_per_minute", wait_s)
        if requests is not None:
            requests.take(1, now_s)

    def spend(self, caller: bytes, n_tokens: int, now_s: float) -> None:
        """Count the tokens of a request that has ended, prompt and answer."""
        if n_tokens and self._per_minute[1]:
            _, tokens = self._of(caller, now_s)
            assert tokens is not None
            tokens.take(n_tokens, now_s)

    def _of(self, caller: bytes, now_s: float) -> tuple[TokenBucket | None, TokenBucket | None]:
        found = self._buckets.get(caller)
        if found is None:
            if len(self._buckets) >= _MOST_CALLERS:
                del self._buckets[next(iter(self._buckets))]
            n_requests, n_tokens = self._per_minute
            found = self._buckets[caller] = (
                TokenBucket(n_requests, now_s) if n_requests else None,
                TokenBucket(n_tokens, now_s) if n_tokens else None,
            )
        else:
            self._buckets[caller] = self._buckets.pop(caller)  # the last of them in order of use
        return found

    def _refusal(self, what: str, key: str, wait_s: float) -> RateLimitError:
        retry_after_s = max(1, math.ceil(wait_s))
        return RateLimitError(
            f"This key may use {what} a minute, and has; try again in {retry_after_s} s ([server] {key}).",
            retry_after_s=retry_after_s,
        )

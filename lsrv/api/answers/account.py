"""What one answer adds to the metrics and to the access log, whoever gives it."""

from __future__ import annotations

import time

from lsrv.api.http.request_record import RequestRecord
from lsrv.api.metrics.requests import ModelMetrics
from lsrv.protocol.events import Usage


class Account:
    """Begun with the request; `record.arrived_at` is when that was."""

    def __init__(self, metrics: ModelMetrics, record: RequestRecord) -> None:
        self.is_cached = False  # what the answer took counts for the request that computed it
        self.n_texts = 0  # writes that brought text
        self._metrics = metrics
        self._record = record
        self.lease_wait_s = 0.0
        self._last_text_at = 0.0

    def leased(self) -> None:
        """A place was given: waiting for the model is over."""
        self.lease_wait_s = time.perf_counter() - self._record.arrived_at

    def saw_text(self, now: float) -> None:
        """Text is about to be written, at `now` (time.perf_counter())."""
        self.n_texts += 1
        if self.n_texts > 1:
            self._metrics.itl.observe(now - self._last_text_at)
        else:
            self._metrics.ttft.observe(now - self._record.arrived_at)
        self._last_text_at = now

    def count(self, usage: Usage) -> None:
        """Count an answer that is complete."""
        self._record.n_prompt_tokens = usage.n_prompt_tokens
        self._record.n_completion_tokens = usage.n_completion_tokens
        if self.is_cached:
            return
        self._metrics.count_usage(usage, self.lease_wait_s)
        if self.n_texts <= 1:  # it came in one piece: its single tokens were not seen
            self._metrics.observe_itl(usage)

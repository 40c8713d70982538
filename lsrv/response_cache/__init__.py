"""Answers that were given before, for requests that would be answered the same way again. Knows no HTTP and no worker.

`key` says what an answer depends on and `answer` which answers are worth keeping (both pure); `memory` and `disk` are
the two tiers, `cache` is both of them for an event loop; `flight` lets equal requests share one computation.
"""

from lsrv.response_cache.answer import is_keepable, whole_answer
from lsrv.response_cache.cache import CacheLimits, FoundBytes, ResponseCache
from lsrv.response_cache.flight import Flight, Flights
from lsrv.response_cache.key import Subject, is_repeatable, key_of
from lsrv.response_cache.statistics import ModelStatistics

__all__ = [
    "CacheLimits",
    "Flight",
    "Flights",
    "FoundBytes",
    "ModelStatistics",
    "ResponseCache",
    "Subject",
    "is_keepable",
    "is_repeatable",
    "key_of",
    "whole_answer",
]

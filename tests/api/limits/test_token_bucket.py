"""So much in a minute: an amount of its own for each caller, by a clock that the test turns."""

import pytest

from lsrv.api.http.errors import RateLimitError
from lsrv.api.limits.callers import CallerLimits
from lsrv.api.limits.token_bucket import TokenBucket


def test_a_bucket_gives_all_it_holds_at_once_and_fills_again_in_a_minute():
    bucket = TokenBucket(60, 0.0)
    for _ in range(60):
        assert bucket.wait_s(1, 0.0) == 0
        bucket.take(1, 0.0)
    assert bucket.wait_s(1, 0.0) == pytest.approx(1.0)
    assert bucket.wait_s(1, 1.0) == pytest.approx(0.0)
    assert bucket.wait_s(1000, 1.0) == pytest.approx(59.0)  # more than it holds is all it holds
    assert bucket.wait_s(60, 3600.0) == 0


def test_a_clock_that_steps_back_gives_nothing():
    bucket = TokenBucket(60, 100.0)
    bucket.take(60, 100.0)
    assert bucket.wait_s(1, 0.0) == pytest.approx(1.0)


def test_each_caller_has_requests_of_its_own_and_a_refusal_counts_none():
    limits = CallerLimits(2, 0)
    limits.admit(b"a", 0.0)
    limits.admit(b"a", 0.0)
    for _ in range(3):
        with pytest.raises(RateLimitError, match="2 requests a minute") as caught:
            limits.admit(b"a", 0.0)
        assert caught.value.fields["retry_after_s"] == 30
    limits.admit(b"b", 0.0)
    limits.admit(b"a", 30.0)


def test_tokens_count_when_an_answer_ends_and_who_took_too_many_waits_for_them():
    limits = CallerLimits(0, 600)
    limits.admit(b"a", 0.0)
    limits.spend(b"a", 1200, 0.0)
    with pytest.raises(RateLimitError, match="600 tokens a minute") as caught:
        limits.admit(b"a", 0.0)
    assert caught.value.fields["retry_after_s"] == 61
    limits.admit(b"a", 61.0)


def test_any_number_of_callers_takes_bounded_memory():
    limits = CallerLimits(1, 0)
    for number in range(10_500):
        limits.admit(b"%d" % number, number * 0.001)
    assert len(limits._buckets) <= 10_000


def test_without_limits_nobody_is_remembered():
    limits = CallerLimits(0, 0)
    limits.admit(b"a", 0.0)
    limits.spend(b"a", 10**9, 0.0)
    limits.admit(b"a", 0.0)
    assert not limits._buckets

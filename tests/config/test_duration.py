"""Durations."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.config import parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("10m", 600), ("1h30m", 5400), ("500ms", 0.5), ("30", 30), (30, 30), (0.5, 0.5), ("0", 0), (0, 0), ("1.5h", 5400),
     (" 2D ", 172800), ("-1", math.inf), (-1, math.inf), ("-0.5", math.inf), ("-1m", math.inf)],
)  # fmt: skip
def test_a_duration_is_read_as_seconds(written, seconds):
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "ten", "10 m", "m", "1h-30m", True, None, [], math.nan, math.inf, "9" * 17 + "d"]
)
def test_what_is_no_duration_is_refused_with_an_example(written):
    with pytest.raises(ValueError, match=r'"1h30m"|"-1" for never'):
        parse_duration(written)


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_written_parts_add_up(days, hours, minutes, seconds, millis):
    text = f"{days}d{hours}h{minutes}m{seconds}s{millis}ms"
    assert parse_duration(text) == pytest.approx(days * 86400 + hours * 3600 + minutes * 60 + seconds + millis / 1000)


@given(st.text(max_size=12))
def test_any_text_is_a_number_of_seconds_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= 0


@pytest.mark.parametrize("written", ["9" * 5_000_000, "1h" * 2_500_000, "-" + "9" * 5_000_000], ids=["9", "1h", "-9"])
def test_megabytes_are_refused_before_anybody_looks_for_units_in_them(written):
    with pytest.raises(ValueError, match="is not a duration") as caught:
        parse_duration(written)
    assert len(str(caught.value)) < 200

"""Columns, sizes and durations as people read them."""

import pytest

from lsrv.cli.display.table import columns, duration
from lsrv.units import size


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    table = columns(["MODEL", "STATE"], [["qwen3-4b", "loaded"], ["a", ""]])
    assert table.splitlines() == ["MODEL     STATE", "qwen3-4b  loaded", "a         -"]


def test_a_table_without_rows_is_its_header() -> None:
    assert columns(["MODEL", "STATE"], []) == "MODEL  STATE"


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(None, ""), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1185376, "1.1 MiB"), (5 << 40, "5120.0 GiB")],
)
def test_size(n_bytes: int | None, text: str) -> None:
    assert size(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.42, "0.4s"), (59.4, "59s"), (200.0, "3m 20s"), (7500.0, "2h 5m")]
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_cell_stays_in_its_line_whatever_it_holds() -> None:
    assert columns(["A", "B"], [["x\ny\x1b", "z"]]).splitlines()[1] == r"x\ny\u001b  z"

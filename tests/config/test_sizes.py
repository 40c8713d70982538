from __future__ import annotations

import pytest

from lsrv.config.table import parse_bytes


@pytest.mark.parametrize(
    ("written", "n_bytes"),
    [("2GiB", 2 << 30), ("800 MB", 800 << 20), ("1.5g", 3 << 29), (0, 0), (4096, 4096), ("0", 0)],
)
def test_a_size_is_a_number_or_text_with_a_unit(written: object, n_bytes: int) -> None:
    assert parse_bytes(written) == n_bytes


@pytest.mark.parametrize(
    "written",
    ["much", "-1GiB", -1, 1.5, True, None, [], "75%", "9" * 400, "9" * 5_000_000],
    ids=lambda written: repr(written)[:12],
)
def test_anything_else_is_told_how_to_write_it(written: object) -> None:
    with pytest.raises(ValueError, match=r'write it like "12GiB"'):
        parse_bytes(written)

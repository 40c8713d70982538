"""What is written as TOML is read back as it was."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from lsrv.config.importing.toml_text import toml_text

_text = st.text(st.characters(exclude_categories=["Cs"]))
_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_text, _values, max_size=4))
def test_any_table_comes_back(raw: dict[str, object]) -> None:
    assert tomllib.loads(toml_text(raw, ["a\nb"])) == raw


def test_entries_have_headers_of_their_own() -> None:
    text = toml_text({"models": [{"model_id": "a"}, {"model_id": "b"}], "server": {"port": 1}, "x": None})
    assert text == '[[models]]\nmodel_id = "a"\n\n[[models]]\nmodel_id = "b"\n\n[server]\nport = 1\n'

"""The line locator for JSON."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv.config.reading.json_lines import find_lines


def test_keys_and_elements_have_their_lines():
    lines, twice = find_lines('{\n "a": {"b": 1,\n  "c": [1,\n 2]},\n "d": null}')
    assert (lines["a",], lines["a", "c"], lines["a", "c", 1], lines["d",]) == (2, 3, 4, 5)
    assert twice == []


def test_a_key_written_twice_is_found():
    assert find_lines('{"a": 1,\n "a": 2}')[1] == [("a",)]


def test_brackets_in_strings_are_text():
    assert find_lines('["{", "\\"]",\n 3]')[0][2,] == 2


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def _paths(value, path=()):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


@given(_json, st.sampled_from([None, 1]))
@settings(max_examples=150, deadline=None)
def test_every_path_is_found(value, indent):
    lines, twice = find_lines(json.dumps(value, indent=indent))
    assert set(lines) == set(_paths(value))
    assert twice == []

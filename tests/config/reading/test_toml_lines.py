"""The line locator: every key and table that tomllib reads has the line it was written on."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv.config.reading.toml_lines import find_lines


def test_a_key_in_the_second_array_table_has_its_own_line():
    text = '[[models]]\nmodel_id = "a"\n\n[[models]]\nmodel_id = "b"\n[models.context]\nslots = 4\n'
    lines = find_lines(text)
    assert lines["models", 0] == 1
    assert lines["models", 1, "model_id"] == 5
    assert lines["models", 1, "context"] == 6
    assert lines["models", 1, "context", "slots"] == 7


def test_a_dotted_key_names_every_table_on_its_way():
    lines = find_lines("a = 1\nserver.gpu . 'x y'.b = 3\n")
    assert lines["server",] == lines["server", "gpu", "x y", "b"] == 2


def test_keys_of_inline_tables_are_found():
    lines = find_lines("split = [{model = 'a', weight = 9},\n  {model = 'b'}] # {c = 1}\n")
    assert lines["split", 0, "weight"] == 1
    assert lines["split", 1, "model"] == 2


def test_a_multi_line_string_that_looks_like_toml_is_no_key():
    lines = find_lines('text = """\n[server]\nport = 1\n\\""" still \n"""\nport = 2\n')
    assert ("server",) not in lines
    assert lines["port",] == 6


def test_quotes_at_the_end_of_a_multi_line_string_belong_to_it():
    assert find_lines('a = """x"""""\nb = 1\n')["b",] == 2


def test_elements_of_a_multi_line_array_have_their_lines():
    lines = find_lines("keys = [ # first\n  'a', # ] not yet\n\n  'b',\n]\nnext = 1979-05-27 07:32:00\n")
    assert (lines["keys", 0], lines["keys", 1], lines["next",]) == (2, 4, 6)


def test_escapes_in_quoted_keys_are_read():
    assert find_lines('"a\\u0062\\"c" = 1')['ab"c',] == 1


_names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=8)
_strings = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
_scalars = st.integers(-(2**60), 2**60) | st.booleans() | st.floats(allow_nan=False) | _strings
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3))
_tables = st.dictionaries(_names, _values, max_size=4)


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return "[\n" + ", # ]\n".join(map(_written, value)) + "\n]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_quoted(key)} = {_written(inner)}" for key, inner in value.items()) + " }"
    return repr(value)


def _paths(value: object, path: tuple = ()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield (*path, index)
            yield from _paths(inner, (*path, index))


@given(_tables, st.lists(_tables, max_size=3))
@settings(max_examples=150, deadline=None)
def test_every_path_that_tomllib_reads_has_the_line_it_was_written_on(top, entries):
    expected, lines = {}, []
    for key, value in top.items():
        expected[(key,)] = len(lines) + 1
        lines += f"{_quoted(key)} = {_written(value)}".split("\n")
    for index, entry in enumerate(entries):
        expected["[models]", index] = len(lines) + 1
        lines += ['[["[models]"]] # [x]']
        for key, value in entry.items():
            expected["[models]", index, key] = len(lines) + 1
            lines += f"{_quoted(key)} = {_written(value)}".split("\n")
    text = "\n".join(lines)
    found = find_lines(text)
    assert set(_paths(tomllib.loads(text))) == set(found)
    assert {path: found[path] for path in expected} == expected

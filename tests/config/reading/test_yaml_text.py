"""YAML as 1.2 reads it, with lines; nothing in it can make a lot of a little."""

import pytest

from lsrv.config.reading.yaml_text import YamlError, read_yaml


def test_scalars_are_what_yaml_1_2_says():
    text = "[no, on, 2024-01-01, 1:22, 0x10, true, ~, 3, 2.5, 1e3, .inf, '5', 012, +7]"
    assert read_yaml(text)[0] == [
        "no", "on", "2024-01-01", "1:22", "0x10", True, None, 3, 2.5, 1000.0, float("inf"), "5", 12, 7,
    ]  # fmt: skip


def test_every_key_and_element_has_its_line():
    lines = read_yaml("a: 1\nb:\n  - c: 2\n  - d\n")[1]
    assert lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 0, "c"): 3, ("b", 1): 4}


def test_merged_tables_stand_below_what_a_table_says_itself():
    value, _, twice = read_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {y: 4, <<: [{y: 5, z: 6}, {z: 7}]}\n")
    assert (value["b"], value["c"], twice) == ({"x": 1, "y": 3}, {"y": 4, "z": 6}, [])


def test_a_key_that_stands_twice_is_told():
    assert read_yaml("a: {b: 1, b: 2}\n")[2] == [("a", "b")]


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: [1", "expected"),
        ("a: !!python/object/apply:os.system [ls]", ""),
        ("a: !!binary x x", "no plain value"),
        ("a: &a [*a]", "holds itself"),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
        ("? [1]\n: 2\n", "a key that is no text"),
        ("a: \x01", "may not stand in YAML"),
        ("<<: 5\n", "<< takes a table"),
    ],
)
def test_what_is_no_plain_data_is_refused(text, said):
    if said:
        with pytest.raises(YamlError, match=said):
            read_yaml(text)
    else:
        assert read_yaml(text)[0] == {"a": ["ls"]}  # a tag runs nothing


def test_aliases_that_repeat_aliases_are_refused():
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    with pytest.raises(YamlError, match="repeat too much"):
        read_yaml("l0: &l0 [x]\n" + levels)

"""What a file is written in is told by what it holds."""

import pytest

TOML = '# ours\n[[models]]\nmodel_id = "a"\n'
JSON = '{"label": {"Plain": {"model_id": "a"}}}'
YAML = "# a list\nmodels:\n  - id: a\n"


@pytest.mark.parametrize("name", ["m.toml", "m.json", "m.yaml", "m.yml"])
@pytest.mark.parametrize("text", [TOML, JSON, YAML], ids=["TOML", "JSON", "YAML"])
def test_a_file_is_read_as_what_it_holds_whatever_its_name_says(load, text, name):
    if (text, name[2:3]) == (JSON, "y"):
        text = '{"models": [{"id": "a"}]}'  # YAML has JSON in it
    assert load(text, name=name).settings.models[0].model_id == "a"


def test_a_name_that_says_otherwise_is_told_of(load):
    assert load(JSON, name="m.toml").warnings[0].startswith("m.toml: is JSON by what it holds, and read as such")
    assert load(TOML, name="m.toml").warnings == []


def test_what_only_begins_like_another_language_is_told_of_as_what_its_name_says(error_of):
    assert "not TOML: that is YAML; TOML writes key = value" in error_of('port: 1\n[[models]]\nmodel_id = "a"\n')

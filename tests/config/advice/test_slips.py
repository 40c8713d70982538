"""What usually makes a text no config, in words."""

import pytest


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('{ "models": [ // mine\n{}]}', "JSON has no comments"),
        ('{ "models": [{"model_id": "a",}]}', "remove that comma"),
        ("{ 'models': []}", "double quotes"),
        ('{ "models": [{"model_id": "C:\\models"}]}', "each backslash twice"),
    ],
)
def test_a_json_that_is_none_says_what_to_write(error_of, text: str, advice: str) -> None:
    assert advice in error_of(text, name="models.json")


@pytest.mark.parametrize(
    "line", ["api_keys = secret", "admin_keys = [secret", "api_key = sk-secret", "password = secret x"]
)
def test_a_key_in_a_broken_line_is_not_repeated(error_of, line: str) -> None:
    assert "secret" not in error_of(f"[server]\n{line}\n")

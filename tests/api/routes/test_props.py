"""GET /props and `lsrv doctor MODEL`: what was found in a model's chat template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from tests.chat.templates.published import published
from tests.conftest import RunningServer, StartServer, copies_of_stories


@pytest.fixture
def coder(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """A model with a published template."""
    template = tmp_path / "coder.jinja"
    template.write_text(published("Qwen3-Coder"), encoding="utf-8")
    entry = copies_of_stories(tmp_path)[0] | {"alias": ["coder"], "chat_template": str(template)}
    return start_server(models=[entry])


def test_props_tell_how_the_model_writes(coder: RunningServer) -> None:
    answer = coder.http.get("/props", params={"model": "coder"})
    assert answer.status_code == 200, answer.text
    props = answer.json()
    assert props["model_alias"] == "coder"
    assert props["chat_template"] == published("Qwen3-Coder")
    assert props["chat_format"]["calls"]["parts"][0] == "<tool_call>\n<function="
    assert "<parameter=city>\nRome\n</parameter>" in props["chat_format_example"]
    assert props["total_slots"] >= 1 and props["default_generation_settings"]["n_ctx"] > 0


def test_props_load_nothing_where_they_must_not(coder: RunningServer) -> None:
    refused = coder.http.get("/props", params={"model": "coder", "autoload": "false"})
    assert refused.status_code == 400 and "is not loaded" in refused.json()["error"]["message"]
    assert coder.http.get("/props").json()["role"] == "router"
    assert coder.http.get("/v1/models/coder").json()["status"] == "unloaded"
    coder.http.get("/props", params={"model": "coder"})
    assert coder.http.get("/props", params={"model": "coder", "autoload": "false"}).status_code == 200


def test_a_person_reads_how_the_model_writes(coder: RunningServer) -> None:
    result = CliRunner().invoke(cli, ["doctor", "coder", "--url", coder.url])
    assert result.exit_code == 0, result.output
    assert "    <function=get_weather>" in result.output.splitlines()
    assert "Note: the template says nothing of thoughts" in result.output
    printed = CliRunner().invoke(cli, ["doctor", "coder", "--url", coder.url, "--json"])
    assert json.loads(printed.output) == coder.http.get("/props", params={"model": "coder"}).json()

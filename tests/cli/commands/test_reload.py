"""`lsrv reload` with a real server: what a person reads, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.models import STORIES

DEADLINE_S = 60
ENTRY = '[[models]]\nmodel_id = "{}"\nkind = "upstream"\n{}upstream = {{ base_url = "http://127.0.0.1:9/v1" }}\n'
LOCAL = '[[models]]\nmodel_id = "m.gguf"\ncontext = {{ context_length = {} }}\n'
ROUTE = '[[routes]]\nmodel_id = "r"\nsplit = [{ model = "b" }]\n'


class ConfiguredServer:
    """A server, and the file that it was started with."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.with_name("m.gguf").write_bytes(STORIES.read_bytes())
        self.write(entry("a"), entry("b"), LOCAL.format(128))
        self.server = RunningServer(str(file), {})

    def write(self, *parts: str, head: str = "") -> None:
        self._file.write_text(f"[server]\nspare_workers = 0\n{head}" + "".join(parts))

    def models(self) -> list[str]:
        return [model["id"] for model in self.server.http.get("/v1/models").json()["data"]]

    def reload(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from lsrv.cli import main; main()", "reload", "--url", self.server.url]
        command += options
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def entry(name: str, more: str = "") -> str:
    return ENTRY.format(name, more)


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[ConfiguredServer]:
    configured = ConfiguredServer(tmp_path / "models.toml")
    yield configured
    configured.server.stop()


def test_what_changed_is_told_line_by_line(configured: ConfiguredServer) -> None:
    changed = (entry("b", 'alias = "beta"\n'), LOCAL.format(256), entry("c"), ROUTE)
    configured.write(*changed, head='no_ui = true\nswap_patience = "3s"\n')
    told = configured.reload()
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        "added: c",
        "removed: a",
        "changed: beta (alias)",
        "changed: m.gguf (context.context_length; needs a load)",
        "holds now: server.swap_patience",
        "holds now: routes.r",
        "needs a restart: server.no_ui",
    ]
    configured.write(*changed, head='swap_patience = "3s"\n')
    assert configured.reload().stdout == "nothing changed\n"
    assert json.loads(configured.reload("--json").stdout)["added"] == []


def test_an_error_of_the_file_is_shown_as_it_is_and_ends_with_2(configured: ConfiguredServer) -> None:
    configured.write(entry("a"), ROUTE)
    told = configured.reload()
    assert (told.returncode, told.stdout) == (2, "")
    assert 'routes["r"].split[0].model: "b" names no model; write one of a' in told.stderr
    assert "Traceback" not in told.stderr
    assert configured.models() == ["default", "a", "b", "m.gguf"]


def test_a_key_that_is_no_admin_key_ends_with_1(configured: ConfiguredServer) -> None:
    configured.write(entry("a"), entry("b"), LOCAL.format(128), head='api_keys = ["k"]\nadmin_keys = ["boss"]\n')
    assert configured.reload().returncode == 0
    refused = configured.reload("--api-key", "k")
    assert refused.returncode == 1 and "need one of the admin_keys" in refused.stderr
    assert configured.reload("--api-key", "boss").stdout == "nothing changed\n"

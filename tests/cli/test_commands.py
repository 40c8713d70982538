"""The command line as a user types it: exit codes, help, plain output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from tests.frontdoor.gguf.gguf_file import gguf, string, write_model


def _lsrv(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lsrv", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environ}
    )


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_without_a_command_help_is_shown() -> None:
    assert "from-config" in _lsrv().stderr + _lsrv("--help").stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["ps", "--nonsense"], ["serve"], ["load"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert _lsrv(*arguments).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [["ps"], ["reload"], *([verb, "a"] for verb in ("load", "unload", "reload", "enable", "disable", "status"))],
)
def test_without_a_server_a_command_ends_with_1_and_one_plain_message(arguments: list[str]) -> None:
    result = _lsrv(*arguments, LSRV_URL="http://127.0.0.1:9")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "no server answers at http://127.0.0.1:9 " in result.stderr
    assert "lsrv from-config" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_config_ends_with_2_and_names_the_file() -> None:
    result = _lsrv("from-config", "-f", "/no/such/models.toml")
    assert result.returncode == 2
    assert "/no/such/models.toml" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_schema_is_json() -> None:
    result = CliRunner().invoke(cli, ["config", "schema"])
    assert result.exit_code == 0
    assert '"model_id"' in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_a_script_for_the_shell(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completions", shell])
    assert result.exit_code == 0
    assert "_LSRV_COMPLETE" in result.output


def test_piped_output_holds_no_control_codes() -> None:
    assert "\x1b" not in _lsrv("doctor").stdout + _lsrv("--help").stdout


def test_names_inside_a_file_do_not_drive_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(gguf([string("general.type", "\x1b]0;owned\x07\x9b31m\u202eneg")]))
    refused = _lsrv("pull", str(path))
    assert "owned" in refused.stderr
    assert all(char.isprintable() or char == "\n" for char in refused.stderr)


def test_a_files_own_name_does_not_drive_the_terminal(tmp_path: Path) -> None:
    write_model(tmp_path / "a\x1b[31m-Q8_0.gguf", file_type=7)
    done = _lsrv("pull", str(tmp_path))
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr

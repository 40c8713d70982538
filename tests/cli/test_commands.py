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


def test_help_names_the_commands() -> None:
    assert "from-config" in _lsrv("--help").stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["ps", "--nonsense"], ["load"]])
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


@pytest.mark.parametrize("arguments", [["/no/such/model.gguf"], ["-m", "/no/such/model.gguf"]])
def test_a_model_that_is_not_there_is_no_server(arguments: list[str]) -> None:
    result = _lsrv("serve", "-p", "0", *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert "there is no /no/such/model.gguf" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "512", "-ngl", "all", "-t", "1", "-np", "2"],
        ["--ctx-size", "512", "--n-gpu-layers", "9", "--parallel", "2"],
    ],
)
def test_a_model_may_stand_behind_the_command_with_options_as_llama_server_calls_them(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, ["serve", "/no/such/model.gguf", *arguments, "--threads", "0"])
    assert result.exit_code == 2
    assert "threads" in result.output  # the one that is wrong


def test_layers_that_are_no_number_are_refused() -> None:
    assert '"all" or "auto"' in CliRunner().invoke(cli, ["serve", "a.gguf", "-ngl", "most"]).output


def test_one_alias_is_not_for_several_models() -> None:
    result = CliRunner().invoke(cli, ["serve", "a.gguf", "-m", "b.gguf", "--alias", "x"])
    assert result.exit_code == 2
    assert "--alias is for one MODEL" in result.output


def test_a_config_may_stand_behind_the_command_but_only_one() -> None:
    assert "one config at a time" in CliRunner().invoke(cli, ["from-config", "a.toml", "-f", "b.toml"]).output
    assert "/no/such/models.toml: no such file" in _lsrv("from-config", "/no/such/models.toml").stderr


def test_a_wrong_config_is_told_before_the_server_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text("port =")
    code = (
        "import sys; from lsrv.cli import cli\ntry: cli()\nfinally: print([n for n in sys.modules if n == 'litestar'])"
    )
    command = [sys.executable, "-c", code, "from-config", str(path)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == "[]\n"


def test_tab_offers_the_models_of_the_config_in_this_folder(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(
        '[server]\nport = 9\n[[models]]\nmodel_id = "org/a"\nalias = ["apple", "b"]\n[[models]]\nmodel_id = "other"\n'
    )
    environ = {**os.environ, "_LSRV_COMPLETE": "bash_complete", "COMP_WORDS": "lsrv load a", "COMP_CWORD": "2"}
    command = [sys.executable, "-m", "lsrv"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.stdout == "plain,apple\n"


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

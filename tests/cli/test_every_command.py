"""What holds of every command: help with an example, and no traceback whatever is typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from lsrv.cli import cli
from lsrv.errors import LsrvError

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there
STRANGE = ("\x1b[31mred\nno/such", "no/../../such", "x" * 5000, "a:b:c", "ü.gguf", "-1")


def _commands(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*above, name))
        else:
            yield (*above, name)


COMMANDS = list(_commands(cli))
each_command = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of a user who has nothing, without a server and without a network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LSRV_URL", NOBODY)
    monkeypatch.setenv("LSRV_GLOBAL__OFFLINE", "true")
    return tmp_path


def _command(path: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def _is_told(result: Result) -> bool:
    """Whether it ended as commands may: `main` prints what an LsrvError or an OSError of a file says."""
    return result.exception is None or isinstance(result.exception, SystemExit | LsrvError | OSError)


@each_command
def test_help_shows_an_example(path: tuple[str, ...]) -> None:
    text = re.sub(r"\s+", " ", _command(path).help or "")
    assert re.search(
        rf"(Such as|e\.g\.|same as) `lsrv {' '.join(path)}|same as `lsrv|or `lsrv {' '.join(path)}", text
    ), text


@each_command
def test_options_that_are_none_are_wrong_usage(path: tuple[str, ...]) -> None:
    result = _run(*path, "--nonsense")
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@each_command
def test_too_many_names_are_told(path: tuple[str, ...]) -> None:
    if any(argument.nargs == -1 for argument in _command(path).params):
        return
    assert _run(*path, *"abcdefgh").exit_code == 2


@each_command
@pytest.mark.parametrize("name", STRANGE, ids=range(len(STRANGE)))
def test_strange_names_end_in_a_message(path: tuple[str, ...], name: str) -> None:
    if path in {("login",), ("completions",)} or not any(
        isinstance(parameter, click.Argument) for parameter in _command(path).params
    ):
        return
    result = _run(*path, "--", name)
    assert _is_told(result), result.exception
    assert result.exit_code != 0


@each_command
def test_a_bool_as_json_is_a_flag_of_that_name(path: tuple[str, ...]) -> None:
    for parameter in _command(path).params:
        if parameter.name == "as_json":
            assert parameter.opts == ["--json"]

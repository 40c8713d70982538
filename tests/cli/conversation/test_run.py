"""`lsrv run` as a person uses it: in a terminal, in a pipe, with a server that runs and with none."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from click.testing import CliRunner, Result

from lsrv.cli import cli
from lsrv.errors import LsrvError
from tests.conftest import TINY, RunningServer, StartServer, copies_of_stories, wait_until
from tests.models import STORIES

DEADLINE_S = 60


def run(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["run", *map(str, arguments)], input=stdin)


def test_a_prompt_gets_one_answer_on_stdout(server: RunningServer) -> None:
    result = run(TINY, "Once upon", "a time", "-n", 8, "--seed", 1, "--url", server.url)
    assert result.exit_code == 0, result.output
    asked = [{"role": "user", "content": "Once upon a time"}]
    same = server.openai().chat.completions.create(model=TINY, messages=asked, max_tokens=8, seed=1)  # type: ignore[arg-type]
    assert result.stdout.rstrip("\n") == (same.choices[0].message.content or "").rstrip("\n")


def test_what_is_piped_in_follows_the_prompt(server: RunningServer) -> None:
    result = run(TINY, "Say", "--json", "-n", 2, "--system", "Be", "--url", server.url, stdin="a log\n")
    n_tokens = json.loads(result.stdout)["usage"]["prompt_tokens"]
    messages = [{"role": "system", "content": "Be"}, {"role": "user", "content": "Say\n\na log"}]
    told = server.http.post("/v1/chat/completions/input_tokens", json={"model": TINY, "messages": messages})
    assert n_tokens == told.json()["input_tokens"]


def test_an_answer_is_valid_for_a_schema_that_is_written_or_in_a_file(server: RunningServer, tmp_path: Path) -> None:
    schema = json.dumps({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]})
    (tmp_path / "schema.json").write_text(schema)
    for written in (schema, tmp_path / "schema.json"):
        result = run(TINY, "x", "--json-schema", written, "-n", 60, "--url", server.url)
        assert isinstance(json.loads(result.stdout)["a"], bool)


def test_without_a_server_a_file_answers_for_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LSRV_PORT", "9")  # nobody listens there
    result = run(STORIES, "Once", "-n", 4)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip()


def test_a_name_that_nothing_goes_by_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LSRV_PORT", "9")
    result = run("nowhere", "hi")
    assert isinstance(result.exception, LsrvError)
    assert "OWNER/NAME" in result.exception.message


def test_a_server_that_is_named_is_the_one_that_answers_or_nobody(server: RunningServer) -> None:
    result = run("nowhere", "hi", "--url", server.url)
    assert isinstance(result.exception, LsrvError)
    assert TINY in result.exception.message, "the server says what it has"


def test_a_config_with_command_run_has_its_default_model_answer(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(f'command = "run"\n[[models]]\nmodel_id = "{STORIES}"\nalias = "s"\ndefaults.max_tokens = 4\n')
    result = CliRunner().invoke(cli, ["from-config", str(path)], input="Once")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip()


def test_nothing_to_ask_and_no_terminal_is_wrong_usage() -> None:
    assert run(TINY).exit_code == 2


# -- a chat in a terminal --------------------------------------------------------------------------

Chat = Callable[..., Any]


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    """Starts `lsrv run` with arguments in a terminal of `columns`; ends it."""
    started: list[Any] = []

    def start(*arguments: str, columns: int = 80, **environ: str) -> Any:
        command = ["-c", "from lsrv.cli import main; main()", "run", *arguments]
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "LSRV_URL")}
        kept |= {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(tmp_path), **environ}
        started.append(
            pexpect.spawn(
                sys.executable, command, env=kept, dimensions=(24, columns), timeout=DEADLINE_S, encoding="utf-8"
            )
        )
        return started[-1]

    yield start
    for each in started:
        each.close(force=True)


def _ends(chat: Any, how: str) -> None:
    chat.send(how)
    chat.expect(pexpect.EOF)
    chat.wait()
    assert chat.exitstatus == 0


def test_a_chat_remembers_obeys_commands_and_keeps_itself(server: RunningServer, chat: Chat, tmp_path: Path) -> None:
    talk = chat(TINY, "-n", "4", "--url", server.url, columns=40)
    talk.expect("Ctrl-D")
    talk.send("Once upon\r")
    talk.expect("4 tokens")
    talk.send("/nonsense\r")
    talk.expect("no command")
    talk.send("\x1b[200~two\nlines\x1b[201~\r")  # as a terminal pastes
    talk.expect("4 tokens")
    talk.send("/set seed 7\r")
    talk.expect("seed = 7")
    talk.send(f"/save {tmp_path}/c.json\r")
    talk.expect("4 messages")
    kept = json.loads((tmp_path / "c.json").read_text())
    assert [each["role"] for each in kept["messages"]] == ["user", "assistant"] * 2
    assert kept["messages"][2]["content"] == "two\nlines", "a paste is one message"
    assert kept["fields"]["seed"] == 7
    talk.expect(r"\x1b\[\?2004h")  # it reads keys again
    _ends(talk, "\x04")
    assert (tmp_path / "lsrv" / "run_history").stat().st_mode & 0o077 == 0, "what was typed is nobody else's"


def test_an_interrupt_stops_the_answer_and_not_the_program(
    start_server: StartServer, chat: Chat, tmp_path: Path
) -> None:
    endless = copies_of_stories(tmp_path)[0] | {"context": {"context_length": 512, "slots": 1, "context_shift": True}}
    server = start_server(models=[endless])
    talk = chat(TINY, "--url", server.url)
    talk.expect("Ctrl-D")
    for setting in ("max_tokens 100000000", "ignore_eos true"):
        talk.send(f"/set {setting}\r")
        talk.expect(" = ")
    talk.send("Once\r")
    wait_until(lambda: _n_running(server))
    talk.sendintr()
    talk.expect("stopped")
    wait_until(lambda: _n_running(server) == 0)
    talk.send("/clear\r")
    talk.expect("forgotten")
    _ends(talk, "/exit\r")


def _n_running(server: RunningServer) -> int:
    return sum(model["n_running"] for model in server.http.get("/admin/status").json()["models"])

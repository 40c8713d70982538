"""`lsrv run MODEL ["prompt"]`: talk to a model in the terminal, or have one answer."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import rich_click as click
from click.core import ParameterSource

from lsrv.cli.completing import served_name
from lsrv.cli.options import json_option, server_options

if TYPE_CHECKING:
    from lsrv.cli.conversation.answering import Answering
    from lsrv.cli.conversation.dialog import Dialog


@click.command()
@click.argument("model", required=False, shell_complete=served_name)
@click.argument("prompt", nargs=-1)
@click.option("--system", metavar="TEXT", help="What the model is told before everything else.")
@click.option(
    "--json-schema", "schema", metavar="SCHEMA", help="A JSON Schema, or a file of one: the answer is valid for it."
)
@click.option("--raw", "is_raw", is_flag=True, help="The text as it comes, without Markdown.")
@click.option("--temperature", type=float, help="0: the likeliest token always.")
@click.option("--top-p", type=float, help="1 turns it off.")
@click.option("--top-k", type=int, help="0 turns it off.")
@click.option("--min-p", type=float, help="0 turns it off.")
@click.option("--max-tokens", "-n", type=int, help="Longest answer, in tokens.")
@click.option("--seed", type=int, help="The same seed gives the same answer.")
@click.option(
    "--quant", metavar="QUANT", help='For a model that no server has yet: a width ("4") or a name ("Q5_K_M").'
)
@server_options
@json_option
@click.pass_context
def run(
    context: click.Context,
    model: str | None,
    prompt: tuple[str, ...],
    system: str | None,
    schema: str | None,
    is_raw: bool,
    quant: str | None,
    url: str,
    api_key: str | None,
    as_json: bool,
    **sampling: float | int | None,
) -> None:
    """Talk to MODEL; with a PROMPT, or text that is piped in, get one answer.

    Such as `lsrv run qwen3-4b`, `lsrv run Qwen/Qwen3-4B "Why is the sky blue?"`, `cat log | lsrv run m "What failed?"`.
    MODEL is what a running server serves; else a name of your models.toml or of `lsrv list`, a GGUF, or OWNER/NAME on
    the Hub: it is then loaded here until the end. Without MODEL: the default.
    """
    text = _question(prompt)
    fields: dict[str, object] = {name: value for name, value in sampling.items() if value is not None}
    if schema is not None:
        wanted = {"name": "answer", "schema": _schema(schema)}
        fields["response_format"] = {"type": "json_schema", "json_schema": wanted}
    if text is None and as_json:
        raise click.UsageError("--json is for one answer: write a PROMPT, or pipe one in")
    from lsrv.cli.conversation.choosing import find_running

    is_named = context.get_parameter_source("url") is not ParameterSource.DEFAULT
    running = None if quant else find_running(url, api_key, model, is_named=is_named)
    _talk(running, None, model, text, system, fields, quant=quant, is_raw=is_raw, as_json=as_json)


def run_config(path: Path, default_model_id: str | None) -> NoReturn:
    """What from-config does with a file that says command = "run": its default model answers, in the terminal."""
    _talk(None, path, default_model_id, _question(()), None, {})
    sys.exit(0)


def _talk(
    server: Answering | None,
    config: Path | None,
    model: str | None,
    text: str | None,
    system: str | None,
    fields: dict[str, object],
    *,
    quant: str | None = None,
    is_raw: bool = False,
    as_json: bool = False,
) -> None:
    from lsrv.cli.conversation.chat import chat
    from lsrv.cli.conversation.dialog import Dialog

    with ExitStack() as stack:
        if server is None:
            server, model = _started(stack, config, model, {"quantization": {"quant": quant}} if quant else {})
        dialog = Dialog(model, system, fields=fields)
        if text is None:
            server.ready(model)
            chat(server, dialog, is_raw=is_raw)
        else:
            dialog.say(text)
            _answer_once(server, dialog, is_raw=is_raw, as_json=as_json)


def _started(
    stack: ExitStack, config: Path | None, model: str | None, options: dict[str, object]
) -> tuple[Answering, str | None]:
    """A server of our own, which ends with `stack`."""
    import logging

    from rich.console import Console

    from lsrv import log
    from lsrv.cli.conversation.choosing import own_server
    from lsrv.cli.display.drawing import may_draw
    from lsrv.cli.display.load_bars import LoadBars

    outlet = log.configure(level=logging.ERROR)
    stack.callback(outlet.close, 1.0)
    server, name = own_server(config, model, options)
    bars = LoadBars(Console(stderr=True)) if may_draw(sys.stderr) else None
    stack.callback(server.close)
    if bars is not None:
        stack.callback(bars.close)
    server.start(bars.handle if bars is not None else lambda event: None)
    return server, name


def _answer_once(server: Answering, dialog: Dialog, *, is_raw: bool, as_json: bool) -> None:
    """One answer on stdout. An interrupt ends it as it ends any program."""
    from lsrv.cli.conversation.screen import screen_for
    from lsrv.cli.conversation.speaking import CHAT, Spoken, speak
    from lsrv.cli.display.drawing import may_draw

    if as_json:
        click.echo(json.dumps(server.post(CHAT, dialog.body(stream=False)), indent=2, ensure_ascii=False))
        return
    is_rendered = may_draw(sys.stdout) and not is_raw and "response_format" not in dialog.fields
    speak(server, dialog, screen_for(sys.stdout, is_rendered=is_rendered), Spoken())


def _question(prompt: tuple[str, ...]) -> str | None:
    """The words of the command line, then what is piped in; None: neither, and somebody sits there."""
    said = " ".join(prompt)
    piped = "" if sys.stdin.isatty() else sys.stdin.buffer.read().decode(errors="replace").strip()
    if not (said or piped) and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("write a PROMPT behind MODEL, or pipe one in; a chat needs a terminal")
    return "\n\n".join(part for part in (said, piped) if part) or None


def _schema(text: str) -> object:
    """The schema in a file, or as it stands."""
    is_file = not text.lstrip().startswith("{")
    try:
        return json.loads(Path(text).read_text(encoding="utf-8") if is_file else text)
    except OSError as error:
        raise click.BadParameter(f"{text}: {error.strerror}", param_hint="--json-schema") from None
    except ValueError as error:
        raise click.BadParameter(f"is no JSON: {error}", param_hint="--json-schema") from None

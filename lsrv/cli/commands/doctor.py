"""`lsrv doctor`: is this machine ready to serve, and what would make it better."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import quote

import rich_click as click

from lsrv.cli.completing import served_name
from lsrv.cli.display.chat_format import shown_format
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option, server_options
from lsrv.printable import printable

if TYPE_CHECKING:
    from lsrv.cli.machine.checks import Check

_VERDICT_WIDTH, _NAME_WIDTH = 6, 12
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--host", help="Address to check the port at; default: the config's.")
@click.option("-p", "--port", type=click.IntRange(1, 65535), help="Port to check; default: the config's.")
@click.argument("model", required=False, shell_complete=served_name)
@server_options
@json_option
def doctor(model: str | None, host: str | None, port: int | None, url: str, api_key: str | None, as_json: bool) -> None:
    """Check this machine: build of llama.cpp, processor, memory, disk, config, port, service.

    Such as `lsrv doctor`, or `lsrv doctor --json`. Exit 1 if anything would keep lsrv from serving.

    With MODEL: say how a running server's model writes thoughts and calls of tools. Loads it.
    """
    if model is not None:
        from lsrv.cli.client import ServerClient

        props = ServerClient(url, api_key).get(f"/props?model={quote(model)}")
        say(json.dumps(props, indent=2, ensure_ascii=False) if as_json else shown_format(props))
        return
    from lsrv.cli.machine.checks import backends_of, run_checks
    from lsrv.cli.machine.facts import gpu_maker
    from lsrv.cli.machine.rebuild import rebuild_commands

    checks: list[Check] = []
    for check in run_checks(*_listening(host, port)):
        checks.append(check)
        if not as_json:
            _print_check(check)
    commands = rebuild_commands(backends_of(gpu_maker()))
    if as_json:
        say(json.dumps({"checks": [asdict(check) for check in checks], "rebuild": commands}, indent=2))
    else:
        say("\nTo put another build of llama.cpp into this environment:")
        for backend, command in commands.items():
            say(f"  {backend}:\n    {command}")
    if any(check.verdict == "fail" for check in checks):
        raise SystemExit(1)


def _listening(host: str | None, port: int | None) -> tuple[str, int]:
    """Where a server would listen: what is not said is the config's, if that can be read."""
    from lsrv.config import load_settings
    from lsrv.errors import ConfigError

    try:
        server = load_settings().settings.server
    except ConfigError:  # a check of its own tells it
        return host or "127.0.0.1", port or 1234
    return host or server.host, port or server.port or 1234


def _print_check(check: Check) -> None:
    verdict = click.style(f"{check.verdict:{_VERDICT_WIDTH}}", fg=_COLOURS[check.verdict])
    found = "\n".join([check.found, *([check.mend] if check.mend else [])])
    indented = found.replace("\n", "\n" + " " * (_VERDICT_WIDTH + _NAME_WIDTH))
    click.echo(verdict + printable(f"{check.name:{_NAME_WIDTH}}{indented}", keep="\n"))

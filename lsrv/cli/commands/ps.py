"""`lsrv ps`: what a running server serves, and how busy it is; with `--watch` as it changes."""

from __future__ import annotations

import json
import shutil
import sys

import rich_click as click

from lsrv.cli.display.drawing import may_draw
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option, server_options


@click.command()
@click.option("--watch", "is_watching", is_flag=True, help="Go on until Ctrl-C: a live table, or lines into a pipe.")
@server_options
@json_option
def ps(url: str, api_key: str | None, as_json: bool, is_watching: bool) -> None:
    """List the models of a running server: state, memory, context, requests, when they unload. Loads nothing.

    Such as `lsrv ps --watch`, or `lsrv ps --json | jq '.[].id'`.
    """
    from lsrv.cli.client import ServerClient
    from lsrv.cli.display.models_table import listed, models_table, route_lines
    from lsrv.cli.display.watch import show_lines, show_table

    client = ServerClient(url, api_key)
    if is_watching:
        show_lines(client, as_json=as_json) if as_json or not may_draw(sys.stdout) else show_table(client)
        return
    models = listed(client)
    if as_json:
        say(json.dumps(models, indent=2))
        return
    say(models_table(models, width=shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
    if routes := route_lines(client):
        say("\n" + "\n".join(routes))
    for model in models:
        if model.get("error") and "parent" not in model:  # an adapter has that of its model
            say(f"\n{model['id']}: {model['error']['message']}", err=True)

"""`lsrv cache MODEL`: the answers that a running server keeps of a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import rich_click as click

from lsrv.cli.completing import served_name
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option, server_options

if TYPE_CHECKING:
    from lsrv.cli.client import JsonObject


@click.command()
@click.argument("model", shell_complete=served_name)
@click.option("--purge", is_flag=True, help="Delete them, in memory and on disk.")
@server_options
@json_option
def cache(model: str, purge: bool, url: str, api_key: str | None, as_json: bool) -> None:
    """Show what the response cache keeps of MODEL, and how often that helped. Loads nothing.

    Such as `lsrv cache qwen3-4b --purge`.
    """
    from lsrv.cli.client import ServerClient

    client, path = ServerClient(url, api_key), f"/v1/models/{quote(model)}/cache"
    found = client.delete(path) if purge else client.get(path)
    if as_json:
        say(json.dumps(found, indent=2))
    else:
        say(f"{found['model_id']}: {'deleted ' if purge else ''}{_summary(found)}")


def _summary(found: JsonObject) -> str:
    from lsrv.cli.display.table import count
    from lsrv.units import size

    tiers = (f"{count(found[tier]['n_answers'], 'answer')} ({size(found[tier]['n_bytes'])}) {where}"
             for tier, where in (("memory", "in memory"), ("disk", "on disk")))  # fmt: skip
    n_hits = found["memory_hits"] + found["disk_hits"] + found["shared"]
    return f"{', '.join(tiers)}; {count(n_hits, 'request')} answered from it, {found['misses']} not"

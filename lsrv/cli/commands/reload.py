"""`lsrv reload` without a model: a running server takes in its config file anew, and says what that changed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lsrv.cli.client import JsonObject, ServerClient
from lsrv.cli.display.say import say


def reload_config(client: ServerClient, *, as_json: bool) -> None:
    """Have the server reload its config, and print what changed; warnings go to stderr.

    Raises ConfigError for a file with an error, which changes nothing, and ServerError if no server takes the order.
    """
    report = client.post("/admin/reload", {})
    if as_json:
        say(json.dumps(report, indent=2))
        return
    for warning in report["warnings"]:
        say(f"warning: {warning}", err=True)
    say("\n".join(_lines(report)) or "nothing changed")


def _lines(report: JsonObject) -> Iterator[str]:
    yield from (f"added: {model_id}" for model_id in report["added"])
    yield from (f"removed: {model_id}" for model_id in report["removed"])
    for each in report["changed"]:
        load = "; needs a load" if each["needs_load"] else ""
        yield f"changed: {each['model_id']} ({', '.join(each['keys'])}{load})"
    yield from (f"holds now: {key}" for key in report["at_once"])
    yield from (f"needs a restart: {key}" for key in report["needs_restart"])

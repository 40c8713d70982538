"""`lsrv plan MODEL`: what loading a model would take and do, said by a running server. Loads nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import rich_click as click

from lsrv.cli.completing import served_name
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option, server_options

if TYPE_CHECKING:
    from lsrv.cli.client import JsonObject


@click.command()
@click.argument("model", shell_complete=served_name)
@server_options
@json_option
def plan(model: str, url: str, api_key: str | None, as_json: bool) -> None:
    """Say whether MODEL fits into a running server's memory, what it takes, and who would have to leave.

    Such as `lsrv plan qwen3-4b`. Loads nothing.
    """
    from lsrv.cli.client import ServerClient

    answer = ServerClient(url, api_key).get(f"/v1/models/{quote(model)}/plan")
    say(json.dumps(answer, indent=2) if as_json else _shown(answer))


def _shown(answer: JsonObject) -> str:
    from lsrv.cli.display.table import columns, duration

    lines = [f"{answer['model']}: {answer['summary']}"]
    if answer["needed_bytes"]:
        lines += ["", columns(["DEVICE", "NEEDED", "BUDGET", "FREE"], _devices(answer)), ""]
        lines.append(_parts(answer))
        lines.append(f"{answer['quantization']}: {answer['path']}")
        lines.append(
            f"Context of {answer['context_length']} tokens for each of {answer['slots']} slots{_because(answer)}"
        )
    if answer["budget_because"]:
        lines.append(f"Budget: {answer['budget_because']}")
    if answer["load_s"] is not None:
        lines.append(f"Its last load took {duration(answer['load_s'])}.")
    return "\n".join(lines)


def _devices(answer: JsonObject) -> list[list[str]]:
    from lsrv.units import size

    tables: list[dict[str, int]] = [answer[f"{kind}_bytes"] for kind in ("needed", "budget", "free")]
    names = dict.fromkeys(device for table in tables for device in table)
    return [["RAM" if name == "CPU" else name, *(size(table.get(name)) for table in tables)] for name in names]


def _parts(answer: JsonObject) -> str:
    from lsrv.units import size

    parts = ", ".join(
        f"{name} {size(answer[f'{name}_bytes'])}" for name in ("weights", "kv", "compute", "prompts", "process")
    )
    return f"Of it: {parts}"


def _because(answer: dict[str, Any]) -> str:
    reasons = "; ".join(filter(None, (answer["context_because"], answer["placed_because"])))
    return f" ({reasons})" if reasons else ""

"""`lsrv load|unload|reload|enable|disable|status|stop|logs MODEL`: the verbs of a running server's models."""

from __future__ import annotations

import json
import sys
from typing import cast
from urllib.parse import quote

import rich_click as click

from lsrv.cli.completing import served_name
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option, server_options

# Words of POST /v1/models/{verb} that say the verb did not do what it was asked.
_FAILURES = frozenset({"not_found", "no_loader_config", "internal_error"})


@click.command()
@click.argument("model", required=False, shell_complete=served_name)
@click.option("--all", "is_all", is_flag=True, help="Every enabled model, as far as memory goes.")
@server_options
@json_option
def load(model: str | None, is_all: bool, url: str, api_key: str | None, as_json: bool) -> None:
    """Load MODEL into memory and wait until it is there.

    Such as `lsrv load qwen3-4b`.
    """
    if _is_for_all(model, is_all):
        _run_for_all("load", url, api_key, as_json)
        return
    _run_verb("load", {"model_id": model}, url, api_key, as_json)


@click.command()
@click.argument("model", required=False, shell_complete=served_name)
@click.option("--all", "is_all", is_flag=True, help="Every model.")
@click.option("--force", is_flag=True, help="End running requests instead of waiting for them.")
@server_options
@json_option
def unload(model: str | None, is_all: bool, force: bool, url: str, api_key: str | None, as_json: bool) -> None:
    """Take MODEL out of memory. The next request for it loads it again.

    Such as `lsrv unload qwen3-4b --force`.
    """
    if _is_for_all(model, is_all):
        if force:
            raise click.UsageError("--force ends requests of one MODEL; name it")
        _run_for_all("unload", url, api_key, as_json)
        return
    _run_verb("unload", {"model_id": model, "force": force}, url, api_key, as_json)


@click.command()
@click.argument("model", required=False, shell_complete=served_name)
@server_options
@json_option
def reload(model: str | None, url: str, api_key: str | None, as_json: bool) -> None:
    """Take in the server's config file anew, and say what changed. No restart, no lost request.

    With MODEL: load it again after it was unloaded; a loaded one stays as it is. Such as `lsrv reload`.
    """
    from lsrv.cli.client import ServerClient
    from lsrv.cli.commands.reload import reload_config

    if model is None:
        reload_config(ServerClient(url, api_key), as_json=as_json)
    else:
        _run_verb("reload", {"model_id": model}, url, api_key, as_json)


@click.command()
@click.argument("model", shell_complete=served_name)
@server_options
@json_option
def enable(model: str, url: str, api_key: str | None, as_json: bool) -> None:
    """Let a disabled MODEL serve again. The next request loads it.

    Such as `lsrv enable qwen3-4b`.
    """
    _run_verb("enable", {"model_id": model}, url, api_key, as_json)


@click.command()
@click.argument("model", shell_complete=served_name)
@server_options
@json_option
def disable(model: str, url: str, api_key: str | None, as_json: bool) -> None:
    """Refuse requests for MODEL until it is enabled, and unload it after its running ones.

    For this run, or until a reload of the config file says otherwise: there it is `enabled = false`.
    Such as `lsrv disable qwen3-4b`.
    """
    _run_verb("disable", {"model_id": model}, url, api_key, as_json)


@click.command()
@click.argument("model", shell_complete=served_name)
@server_options
@json_option
def status(model: str, url: str, api_key: str | None, as_json: bool) -> None:
    """Say whether MODEL is loaded. Loads nothing.

    Such as `lsrv status qwen3-4b --json`.
    """
    _run_verb("status", {"model_id": model}, url, api_key, as_json)


@click.command()
@click.argument("model", required=False, shell_complete=served_name)
@server_options
@json_option
def stop(model: str | None, url: str, api_key: str | None, as_json: bool) -> None:
    """End the server, once its running requests are done. With MODEL: only take that one out of memory.

    Such as `lsrv stop`, or `lsrv stop qwen3-4b`.
    """
    from lsrv.cli.client import ServerClient

    if model is not None:
        _run_verb("unload", {"model_id": model}, url, api_key, as_json)
        return
    client = ServerClient(url, api_key)
    answer = client.post("/admin/stop", {})
    if sys.stderr.isatty():
        say(f"the server at {url} finishes its running requests …", err=True)
    client.wait_until_gone()
    say(json.dumps(answer | {"status": "stopped"}, indent=2) if as_json else f"the server at {url} has stopped")


@click.command()
@click.argument("model", shell_complete=served_name)
@click.option("-n", "--lines", "n_lines", type=click.IntRange(min=1), default=200, help="Only the last ones.")
@server_options
@json_option
def logs(model: str, n_lines: int, url: str, api_key: str | None, as_json: bool) -> None:
    """Print what the worker of MODEL wrote last (llama.cpp's own lines), and why the one before it is gone.

    Such as `lsrv logs qwen3-4b -n 20`.
    """
    from lsrv.cli.client import ServerClient

    answer = ServerClient(url, api_key).get(f"/admin/models/{quote(model)}/logs")
    if as_json:
        say(json.dumps(answer, indent=2))
        return
    for name in ("previous", "worker"):
        told = answer.get(name)
        if told is not None:
            for line in told["lines"][-n_lines:]:
                say(line)
            what = "" if told["lines"] else ", and has written nothing"
            say(f"(worker {told['pid']} {'ended: ' + told['end'] if told['end'] else 'runs' + what})", err=True)
    if answer.get("previous") is None and answer.get("worker") is None:
        say(f"{answer['id']} had no worker yet; its first request, or `lsrv load`, starts one", err=True)


def _is_for_all(model: str | None, is_all: bool) -> bool:
    if is_all == (model is not None):
        raise click.UsageError("name a MODEL, or say --all")
    return is_all


def _run_for_all(verb: str, url: str, api_key: str | None, as_json: bool) -> None:
    from lsrv.cli.client import ServerClient

    answer = ServerClient(url, api_key).post(f"/v1/models/{verb}_all", {})
    models = cast("list[dict[str, object]]", answer.get("models") or [])
    if as_json:
        say(json.dumps(answer, indent=2))
    for each in [] if as_json else models:
        say(f"{each.get('model_id')}: {each.get('status')}")
        if error := each.get("error"):
            say(error, err=True)
    if any(each.get("status") in _FAILURES for each in models):
        raise SystemExit(1)


def _run_verb(verb: str, body: dict[str, object], url: str, api_key: str | None, as_json: bool) -> None:
    from lsrv.cli.client import ServerClient

    if verb in ("load", "reload") and sys.stderr.isatty():
        say(f"{verb}ing {body['model_id']} …", err=True)
    answer = ServerClient(url, api_key).post(f"/v1/models/{verb}", body)
    word = str(answer.get("status"))
    say(json.dumps(answer, indent=2) if as_json else f"{answer.get('model_id')}: {word}")
    error = answer.get("error")
    if error and not as_json:
        say(error, err=True)
    if word in _FAILURES:
        raise SystemExit(1)

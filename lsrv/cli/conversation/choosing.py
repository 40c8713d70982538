"""From the name of a model to a server that answers for it: one that runs, else one of our own for the time."""

from __future__ import annotations

from pathlib import Path

from lsrv.cli.client import JsonObject, ServerClient
from lsrv.cli.conversation.answering import Answering, OwnServer, RunningServer
from lsrv.config import Settings, find_config, load_settings, settings_for_models
from lsrv.demo import CONFIG_PATH, MODELS
from lsrv.errors import LsrvError, ModelNotFoundError
from lsrv.frontdoor.repository import is_hub_id
from lsrv.home import expanded
from lsrv.registry import Discovery
from lsrv.runner.entries import Entries

_OWN = {"server": {"spare_workers": 0, "keep_alive": "-1"}}  # for one person, who may think for long


def find_running(url: str, api_key: str | None, model: str | None, *, is_named: bool) -> Answering | None:
    """The server at `url` if it answers for `model`; None if none runs there, or it serves no such model.

    `is_named`: somebody said that it is to be this one, and no other. Raises LsrvError then.
    """
    server = RunningServer(ServerClient(url, api_key))
    try:
        if model is None:
            server.get("/v1/models")
        elif not server.knows(model) and not is_named:
            return None
    except LsrvError:
        if is_named:
            raise
        return None
    return server


def own_server(config: Path | None, model: str | None, options: JsonObject) -> tuple[OwnServer, str | None]:
    """A server of our own that is not started yet, and what it calls `model`. Reads this disk. Raises LsrvError.

    `config`: the file to go by (None: that of this folder or user). `options`: more of the entry, if `model` has none.
    """
    source = config or find_config()
    settings = load_settings(source, overrides=_OWN).settings
    entries = Entries(source, _OWN)
    for name in (each.listed_id for each in settings.models if each.preload):
        entries = entries.with_added({"model_id": name, "preload": False})  # one model is talked to, and no other
    if model is None:
        return _without_name(settings, entries, is_config=source != CONFIG_PATH)
    if _has_name(settings, model) and not options:
        return OwnServer(entries), model
    entry = entry_for(model, settings) | options
    return OwnServer(Entries(None, _OWN | _kept(settings)).with_added(entry)), name_of(entry)


def name_of(entry: JsonObject) -> str:
    """What an entry of `entry_for` is called."""
    return str((entry.get("alias") or [entry["model_id"]])[0])


def entry_for(model: str, settings: Settings) -> JsonObject:
    """An entry for a path, a name of something on this disk, or a Hub id with or without ":QUANT".

    Of a Hub id without a quantization the largest that fits. Raises ModelNotFoundError with what to do.
    """
    if expanded(model).exists():
        return {"model_id": str(expanded(model).absolute())}
    if model in MODELS:
        return {"model_id": model}
    found = Discovery(_searching(settings)).everything()
    for each in found:
        if model in each.names:
            return {"model_id": str(each.weights.path), "alias": [model], "kind": each.weights.kind}
    hub_id, _, quant = model.removeprefix("hf.co/").partition(":")
    if is_hub_id(hub_id):
        return {"model_id": hub_id, "quantization": {"quant": quant or "auto"}}
    names = [each.names[0] for each in found if each.weights.kind == "text"]
    known = f"on this disk: {', '.join(names[:10])}" if names else "none are on this disk yet"
    raise ModelNotFoundError(
        f'"{model}" is no model here ({known}) and no path; name one of these, a GGUF, or OWNER/NAME of the Hub',
        param="model",
        model=model,
    )


def _without_name(settings: Settings, entries: Entries, *, is_config: bool) -> tuple[OwnServer, str | None]:
    """The default of the config; without one the first model of this disk; the demo where there is none."""
    if is_config:
        return OwnServer(entries), None
    for each in Discovery(_searching(settings)).everything():
        if each.weights.kind == "text":
            return own_server(None, each.names[0], {})
    return OwnServer(entries), None


def _searching(settings: Settings) -> Settings:
    """Settings in which nothing on this disk is anybody's entry, so that each has its own name."""
    folders = [*settings.server.discovered_folders, "programs"]
    return settings_for_models([], overrides={"server": {"discover": folders}}, environ={}).settings


def _has_name(settings: Settings, model: str) -> bool:
    names = {name for each in settings.models for name in each.names} | {each.model_id for each in settings.routes}
    return model in names or any(model.startswith(f"{name}:") for name in names)


def _kept(settings: Settings) -> JsonObject:
    """What of a config counts for models that it does not list."""
    general = settings.global_
    kept = {"offline": general.offline, "any_owner": general.any_owner, "token_source": general.token_source}
    return {"global": kept}

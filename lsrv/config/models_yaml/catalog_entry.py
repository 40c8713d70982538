"""An entry {name, hf_repo_id, handler, …}: a catalog in which a Python class serves each model. Pure.

lsrv runs no classes: the class's name says what the model does, and llama.cpp or another server does it.
"""

from __future__ import annotations

from typing import Literal

from lsrv.config.layer import KeyPath, RawTable
from lsrv.config.models_yaml.carried import Carried
from lsrv.echo import echo

CATALOG_KEYS = frozenset({"hf_repo_id", "handler", "name", "skip_download", "supports_structured_outputs"})

Trade = Literal["chat", "vision", "embedding", "rerank", "proxy", "speech"]

_OPENAI = "https://api.openai.com/v1"
_OPENAI_KEY = "OPENAI_API_KEY"

# Parts of a class's name, the telling ones first -> what such a class does.
_TRADES: tuple[tuple[str, Trade], ...] = (
    ("proxy", "proxy"),
    ("whisper", "speech"),
    ("asr", "speech"),
    ("speech", "speech"),
    ("rerank", "rerank"),
    ("embed", "embedding"),
    ("vl", "vision"),
    ("vision", "vision"),
    ("chat", "chat"),
    ("text", "chat"),
)

_MOVED: dict[str, KeyPath] = {
    "pooling": ("context", "pooling"),
    "notes": ("description",),
    "upstream_base_url": ("upstream", "base_url"),
    "upstream_api_key_env": ("upstream", "api_key_env"),
    "upstream_timeout_sec": ("upstream", "timeout"),
    "upstream_headers": ("upstream", "headers"),
}
_READ = frozenset({"name", "hf_repo_id", "handler", "skip_download", "supports_structured_outputs"})


def trade_of(handler: str) -> Trade | None:
    """What the class of that dotted name does; None: nobody can tell."""
    name = handler.rpartition(".")[2].lower()
    return next((trade for part, trade in _TRADES if part in name), None)


def carry_catalog_entry(carried: Carried, root: KeyPath, table: RawTable, *, is_overlay: bool) -> None:
    """Add the entry to `carried`, or say why it is left out. In an overlay the name alone is enough."""
    repo, name, handler = (table.get(key) for key in ("hf_repo_id", "name", "handler"))
    if not is_overlay and (missing := [key for key in ("hf_repo_id", "handler") if table.get(key) is None]):
        for key in missing:
            carried.refuse(root, f"{key} is missing; add it")
        return
    trade = trade_of(handler) if isinstance(handler, str) else None
    if handler is not None and trade is None:
        text = f"{echo(str(handler))} is a class of Python, and lsrv runs none; remove the entry, or say what it does"
        carried.refuse((*root, "handler"), f"{text} with one of our keys (model_id and kind)")
        return
    if trade == "speech":
        carried.tell(echo(str(name or repo)), "left out: lsrv serves text, and no speech")
        return
    carried.begin(root)
    _put_names(carried, root, table, is_proxy=trade == "proxy")
    _put_trade(carried, root, table, trade)
    for key, value in table.items():
        if key not in _READ:
            carried.put(_MOVED.get(key, (key,)), value, (*root, key))
    if table.get("supports_structured_outputs") is False:
        carried.tell(echo(str(name or repo)), "supports_structured_outputs: no effect; every model here can give them")


def _put_names(carried: Carried, root: KeyPath, table: RawTable, *, is_proxy: bool) -> None:
    repo, name = table.get("hf_repo_id"), table.get("name")
    if repo is None or is_proxy:
        key = "hf_repo_id" if name is None else "name"
        carried.put(("model_id",), table.get(key), (*root, key))
    else:
        carried.put(("model_id",), repo, (*root, "hf_repo_id"))
        if name != repo:
            carried.put(("alias",), name, (*root, "name"))


def _put_trade(carried: Carried, root: KeyPath, table: RawTable, trade: Trade | None) -> None:
    at: KeyPath = (*root, "handler")
    if trade == "proxy":
        carried.put(("kind",), "upstream", at)
        carried.put(("upstream", "model"), table.get("hf_repo_id"), (*root, "hf_repo_id"))
        if "upstream_base_url" not in table:
            carried.put(("upstream", "base_url"), _OPENAI, at)
            if "upstream_api_key_env" not in table:
                carried.put(("upstream", "api_key_env"), _OPENAI_KEY, at)
    elif trade in ("embedding", "rerank"):
        carried.put(("kind",), trade, at)
    elif trade == "chat":
        carried.put(("kind",), "text", at)

"""The models.toml of a soak, and the small changes that reloads take in. Pure but for writing the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peers.process import HOST
from tests.models import STORIES

CHANGES = ("none", "light", "load", "added")
"""What `write_config` changes: nothing, keys that hold at once, one that needs a load, an entry that nobody asks."""

_TEMPLATE = "{% for message in messages %}{{ message.content }}{% if not loop.last %} {% endif %}{% endfor %}"
_SERVER = {"host": HOST, "max_loaded_models": 2, "swap_patience": "2s", "keep_alive": "1m", "spare_workers": 1}
_STORIES: dict[str, dict[str, object]] = {
    "plain": {"context": {"slots": 1, "context_length": 512}},
    "lookup": {"context": {"slots": 1, "context_length": 512}, "speculative": {"mode": "lookup"}},
    "shared": {"context": {"slots": 3, "context_length": 512, "kv": "shared", "kv_cells": 768}},
    "cached": {"context": {"slots": 2, "context_length": 512}, "response_cache": True},
}
_DEMO: dict[str, dict[str, object]] = {
    "demo": {
        "model_id": "lsrv-demo",
        "keep_alive": "20s",
        "context": {"slots": 1, "context_length": 512},
        "adapters": [{"name": "pirate", "source": "lsrv-demo-pirate"}],
    },
    "embed": {"model_id": "lsrv-demo-embed", "kind": "embedding"},
    "rerank": {"model_id": "lsrv-demo-embed", "kind": "rerank"},
}


def copy_weights(folder: Path) -> None:
    """The 1 MB model once for each entry that needs it (an entry is known by its file), and a chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    for alias in (*_STORIES, "added"):
        shutil.copyfile(STORIES, folder / f"{alias}.gguf")
    (folder / "plain.jinja").write_text(_TEMPLATE)


def write_config(path: Path, port: int, change: str = "none") -> None:
    """The config with one of CHANGES, in one piece: a reload never reads half of it."""
    entries = {alias: _story(alias) | fields for alias, fields in _STORIES.items()} | _DEMO
    if change == "light":
        entries["plain"] = entries["plain"] | {"priority": 1, "queue": 32, "defaults": {"top_k": 20}}
    elif change == "load":
        entries["lookup"] = entries["lookup"] | {"context": {"slots": 1, "context_length": 512, "batch_size": 1024}}
    elif change == "added":
        entries["added"] = _story("added")
    text = f"[server]\n{_lines(_SERVER | {'port': port})}"
    text += "".join(f"\n[[models]]\n{_lines({'alias': alias} | entry)}" for alias, entry in entries.items())
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def _story(alias: str) -> dict[str, object]:
    return {"model_id": f"{alias}.gguf", "chat_template": "plain.jinja"}


def _lines(table: Mapping[str, object]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)

"""Every file that a config names: what is missing is told here, not by the first request. Reads a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from lsrv import demo
from lsrv.config.layer import KeyPath, Layer, as_table, as_tables
from lsrv.config.not_yet import find
from lsrv.config.problems import Problem, problem
from lsrv.config.reading.files import unreadable
from lsrv.config.reading.template import read_template
from lsrv.errors import ConfigError
from lsrv.home import expanded


def file_problems(layer: Layer) -> Iterator[Problem]:
    """Each file that is named and can't be read. Templates stand in `layer` with whole paths."""
    for path, source in texts_at(layer, "global.token_source"):
        kind, _, name = source.partition(":")
        if kind == "path" and (wrong := unreadable(expanded(name))):
            yield problem(layer, path, f'{wrong}; mend the path, or write "cache"')
    for path, name in texts_at(layer, "models.quantization.imatrix"):
        if wrong := unreadable(_folder(layer, ("models", path[1], "model_id")) / expanded(name)):
            yield problem(layer, path, f"{wrong}; write the path of an importance matrix")
    for key in ("models.chat_template", "models.jinja_explicit"):
        for path, template in texts_at(layer, key):
            try:
                read_template(template)
            except ConfigError as error:
                yield problem(layer, path, error.message)


def file_warnings(layer: Layer) -> Iterator[str]:
    """Weights and adapters that are named by a path and are not there: the other entries are served all the same."""
    yield from _adapters(layer)
    for key in ("models.model_id", "models.speculative.draft"):
        for path, name in texts_at(layer, key):
            entry = layer.models()[cast("int", path[1])]
            if entry.get("kind") == "upstream" or entry.get("enabled") is False or not is_path(name):
                continue
            whole = _folder(layer, ("models", path[1], "model_id")) / expanded(name)
            if not _exists(whole):
                yield str(problem(layer, path, f"{whole}: no such file or folder; requests that need it will fail"))
            elif key == "models.model_id":
                yield from _quantized_files(layer, path, whole)


def texts_at(layer: Layer, key: str) -> list[tuple[KeyPath, str]]:
    """Each place of the dotted `key` that holds a text."""
    return [(path, text) for path, text in find(layer, key) if isinstance(text, str)]


def is_path(name: str) -> bool:
    """Whether `name` can only be of this disk: it ends in .gguf, or begins as a path does."""
    return name not in demo.MODELS and (
        name.lower().endswith(".gguf") or name.startswith(("/", "./", "../", "~", "\\", ".\\", "..\\"))
    )


def _adapters(layer: Layer) -> Iterator[str]:
    for index, model in enumerate(layer.models()):
        folder = _folder(layer, ("models", index, "adapters"))
        for position, adapter in enumerate(as_tables(model.get("adapters"))):
            source = adapter.get("source")
            if isinstance(source, str) and is_path(source) and not _exists(folder / expanded(source)):
                path: KeyPath = ("models", index, "adapters", position, "source")
                wrong = f"{folder / expanded(source)}: no such file or folder"
                yield str(problem(layer, path, f"{wrong}; requests that need it will fail"))


def _quantized_files(layer: Layer, entry: KeyPath, folder: Path) -> Iterator[str]:
    path: KeyPath = ("models", entry[1], "format", "quantized_file")
    named = as_table(layer.models()[cast("int", entry[1])].get("format")).get("quantized_file")
    names = named.split(";") if isinstance(named, str) else named if isinstance(named, list) else []
    for name in cast("list[object]", names):
        if isinstance(name, str) and name.strip() and folder.is_dir() and not _exists(folder / name.strip()):
            yield str(problem(layer, path, f"{folder / name.strip()}: no such file; requests that need it will fail"))


def _folder(layer: Layer, path: KeyPath) -> Path:
    return layer.place(path).folder or Path.cwd()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True  # it is there, and whoever reads it is told why it can't be

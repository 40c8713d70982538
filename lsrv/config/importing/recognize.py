"""Whose config a file is, by what it holds, and what it is in our keys."""

from __future__ import annotations

from pathlib import Path

from lsrv.config.importing.imported import Imported
from lsrv.config.importing.llama_swap import import_llama_swap
from lsrv.config.importing.modelfile import import_modelfile, is_modelfile
from lsrv.config.importing.preset_ini import import_presets
from lsrv.config.layer import RawTable, as_table
from lsrv.config.problems import config_error
from lsrv.config.reading.files import read_file
from lsrv.errors import ConfigError


def import_file(path: Path) -> Imported:
    """What the config at `path` says, as far as lsrv has a word for it. Raises ConfigError if it can't be read."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml") and (swap := _llama_swap(path)) is not None:
        return import_llama_swap(str(path), swap)
    if suffix in (".toml", ".json", ".yaml", ".yml"):
        return _import_known(path)
    text = _text(path)
    if suffix == ".ini" or text.lstrip().startswith("["):
        return import_presets(str(path), text)
    if is_modelfile(text):
        name = path.stem if path.stem.lower() != "modelfile" else path.suffix[1:] or path.absolute().parent.name
        return import_modelfile(str(path), name, text)
    raise ConfigError(
        f"{path}: is no config that lsrv knows; it reads Modelfiles of Ollama, config.yaml of llama-swap, presets of "
        "llama-server (.ini), TOML and JSON of mistral.rs, and models.yaml"
    )


def _import_known(path: Path) -> Imported:
    """A file that `lsrv from-config` reads, too: its adapted layer is what is written."""
    adapted = read_file(path)
    if adapted.problems:
        raise config_error(adapted.problems)
    return Imported(str(path), dict(adapted.layer.raw), list(adapted.warnings))


def _llama_swap(path: Path) -> RawTable | None:
    """The document, if its models are a table of commands; None if it is another one, or no YAML."""
    import yaml

    try:
        value: object = yaml.safe_load(_text(path))
    except yaml.YAMLError:
        return None  # whoever reads models.yaml says what is wrong
    table = as_table(value)
    models = as_table(table.get("models"))
    return table if any("cmd" in as_table(model) for model in models.values()) else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; this is no config") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror}); check the path and permissions") from None

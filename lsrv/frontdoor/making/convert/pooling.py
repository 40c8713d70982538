"""How token vectors become one: from the modules of a sentence-transformers folder to llama.cpp's pooling."""

from __future__ import annotations

from pathlib import Path

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.config import ConfigJson, as_objects
from lsrv.frontdoor.making.convert.json_file import decode, read_bytes, read_object
from lsrv.frontdoor.making.convert.source_files import MODULES

# 1_Pooling/config.json -> llama_pooling_type. Newer files name the mode, older ones have a flag for each.
_MODES = {"mean": 1, "cls": 2, "lasttoken": 3}
_FLAGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_lasttoken": "lasttoken"}
# Normalize makes unit vectors, as lsrv's embeddings are in any case.
_HARMLESS = ("Transformer", "Normalize")


def pooling_type(folder: Path) -> int | None:
    """The pooling that a folder asks for; None if it says nothing. Raises ConvertError for what llama.cpp can't do."""
    path = folder / MODULES
    if not path.is_file():
        return None
    found: int | None = None
    for module in as_objects(decode(read_bytes(path), list[object], path)):
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind == "Pooling":
            found = _mode(read_object(_module_config(folder, module)))
        elif kind not in _HARMLESS:
            raise ConvertError(f"{path}: llama.cpp has no {kind} after the model; use a GGUF of this model")
    return found


def _module_config(folder: Path, module: ConfigJson) -> Path:
    """The config.json of a module; a path that leads out of the folder is refused."""
    path = (folder / str(module.get("path", "")) / "config.json").absolute()
    if ".." in path.parts or not path.is_relative_to(folder.absolute()):
        raise ConvertError(f"{folder / MODULES}: {module.get('path')} leads out of the folder")
    return path


def _mode(config: ConfigJson) -> int:
    named = config.get("pooling_mode")
    modes = [str(named)] if named is not None else [mode for flag, mode in _FLAGS.items() if config.get(flag) is True]
    others = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    if len(modes) != 1 or modes[0] not in _MODES or len(others) > 1:
        raise ConvertError(
            f"pooling by {', '.join(modes + others)}: llama.cpp has mean, cls and lasttoken, one of them"
        )
    return _MODES[modes[0]]

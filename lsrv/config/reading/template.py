"""Reading the chat template that an entry names."""

from __future__ import annotations

import json
from pathlib import Path

from lsrv.config.layer import as_table
from lsrv.errors import ConfigError
from lsrv.home import expanded

_BYTES_MAX = 1024 * 1024


def read_template(template: str) -> str:
    """The Jinja source of `template`: a path, a tokenizer_config.json, or (with "{{" or "{%" in it) the source itself.

    Raises ConfigError with what is wrong and what to do.
    """
    path = template_path(template)
    if path is None:
        return template
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise ConfigError(f"{path} is longer than {_BYTES_MAX} bytes; this can't be a template")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; write the path of a Jinja file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read ({type(error).__name__}); write the path of a Jinja file") from None
    return _from_json(path, text) if path.suffix.lower() == ".json" else text


def template_path(template: str) -> Path | None:
    """The file that `template` names; None where it is the source itself."""
    return None if "{{" in template or "{%" in template else Path(template)


def absolute(template: str, folder: Path) -> str:
    """`template` with its path starting at `folder`; a template's source stays as it is."""
    path = template_path(template)
    return template if path is None else str(folder / expanded(str(path)))


def _from_json(path: Path, text: str) -> str:
    try:
        found = as_table(json.loads(text)).get("chat_template")
    except (json.JSONDecodeError, RecursionError):
        found = None
    if not isinstance(found, str):
        raise ConfigError(f'{path} holds no text "chat_template"; write the path of a Jinja file')
    return found

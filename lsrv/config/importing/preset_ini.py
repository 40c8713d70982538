"""llama-server's presets: an INI file with a section for each model, `[*]` for all. Source: its README, "presets"."""

from __future__ import annotations

import configparser

from lsrv.config.importing.imported import Imported
from lsrv.config.importing.llama_server import carry_option, finish_entry, long_name
from lsrv.config.layer import RawTable
from lsrv.errors import ConfigError

_FOR_ALL = "*"
_HEAD = "(before the first section)"


def import_presets(source: str, text: str) -> Imported:
    """Every section that names a model. Raises ConfigError where the text is no INI."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=False, default_section=_HEAD)
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]  # names of variables keep their case
    try:
        parser.read_string(f"[{_HEAD}]\n{text}")
    except configparser.Error as error:
        raise ConfigError(f"{source}: no preset of llama-server: {error.message}") from None
    imported = Imported(source)
    shared = dict(parser[_FOR_ALL]) if parser.has_section(_FOR_ALL) else {}
    for section in parser.sections():
        if section != _FOR_ALL:
            _import_section(imported, section, shared | dict(parser[section]), parser.defaults())
    return imported


def _import_section(imported: Imported, name: str, options: dict[str, str], head: object) -> None:
    del head  # its `version` is of the format
    entry: RawTable = {"model_id": "", "alias": [name]}
    for option, value in options.items():
        if option != "version":
            carry_option(imported, name, entry, long_name(option), value)
    if not entry["model_id"] and "/" in name:  # as it is on the Hub
        carry_option(imported, name, entry, "hf-repo", name)
    if not entry["model_id"]:
        imported.leave(name, "names no model (model or hf-repo)")
        return
    finish_entry(imported, name, entry)
    imported.models.append(entry)

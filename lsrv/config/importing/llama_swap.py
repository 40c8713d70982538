"""llama-swap's config.yaml: commands of llama-server under names. Source: its config-schema.json and wiki."""

from __future__ import annotations

import re
import shlex
from typing import cast

from lsrv.config.importing.imported import Imported
from lsrv.config.importing.llama_server import carry_option, finish_entry, split_options
from lsrv.config.layer import RawTable, as_table

_MACRO = re.compile(r"\$\{([\w.-]+)\}")
_QUIET_AT_TOP = frozenset(
    {"models", "macros", "hooks", "startPort", "healthCheckTimeout", "logLevel", "logTimeFormat", "logToStdout",
     "sendLoadingState", "includeAliasesInList", "metricsMaxInMemory", "captureBuffer", "globalTTL"}
)  # fmt: skip
_QUIET_IN_MODEL = frozenset(
    {"cmd", "cmdStop", "proxy", "aliases", "ttl", "checkEndpoint", "macros", "concurrencyLimit", "sendLoadingState",
     "name", "description", "metadata", "useModelName"}
)  # fmt: skip


def import_llama_swap(source: str, value: RawTable) -> Imported:
    """The file's entries; each is served here instead of by its command."""
    imported = Imported(source)
    macros = _macros(value.get("macros"))
    for name, model in as_table(value.get("models")).items():
        _import_model(imported, name, as_table(model), macros, value.get("globalTTL"))
    preloads = as_table(as_table(value.get("hooks")).get("on_startup")).get("preload")
    for entry in imported.models:
        aliases = cast("list[str]", entry["alias"])
        if isinstance(preloads, list) and set(cast("list[object]", preloads)) & set(aliases):
            entry["preload"] = True
    if "groups" in value or "matrix" in value:
        imported.leave("groups", "lsrv keeps as many models in memory as fit; [server] max_loaded_models bounds them")
    if "apiKeys" in value:
        imported.raw["server"] = {"api_keys": value["apiKeys"]}
    for key in value.keys() - _QUIET_AT_TOP - {"groups", "matrix", "apiKeys"}:
        imported.leave(key, "lsrv has no such setting")
    return imported


def _import_model(imported: Imported, name: str, model: RawTable, macros: dict[str, str], ttl: object) -> None:
    known = macros | _macros(model.get("macros")) | {"PORT": "0", "MODEL_ID": name}
    words = _words(_expanded(str(model.get("cmd", "")), known))
    if not words or "llama-server" not in words[0].replace("\\", "/").rpartition("/")[2]:
        program = words[0] if words else "no command"
        imported.leave(name, f"is served by {program}, not by llama-server; it can be an entry with kind = 'upstream'")
        return
    entry: RawTable = {"model_id": "", "alias": _names(name, model.get("aliases"))}
    for option, value in split_options(words[1:]):
        if option not in ("port", "host"):
            carry_option(imported, name, entry, option, value)
    if not entry["model_id"]:
        imported.leave(name, "its command names no model (-m or -hf)")
        return
    finish_entry(imported, name, entry)
    idle = model.get("ttl", ttl)
    entry["keep_alive"] = idle if isinstance(idle, int) and idle > 0 else "-1"  # there, 0 is never
    limit = model.get("concurrencyLimit")
    if isinstance(limit, int) and limit > 0:
        entry["max_concurrency"] = limit
    for key in model.keys() - _QUIET_IN_MODEL:
        imported.leave(f"{name}: {key}", "lsrv has no such setting")
    imported.models.append(entry)


def _names(name: str, aliases: object) -> list[str]:
    others = [str(each) for each in cast("list[object]", aliases)] if isinstance(aliases, list) else []
    return list(dict.fromkeys([name, *others]))


def _macros(value: object) -> dict[str, str]:
    return {name: str(text) for name, text in as_table(value).items()}


def _expanded(text: str, macros: dict[str, str]) -> str:
    """Macros may hold macros; one that nobody defines stays as it is."""
    for _ in range(len(macros) + 1):
        replaced = _MACRO.sub(lambda found: macros.get(found[1], found[0]), text)
        if replaced == text:
            break
        text = replaced
    return text


def _words(command: str) -> list[str]:
    """A command over several lines, with comments and backslashes at line ends."""
    lines = [line for line in command.splitlines() if not line.lstrip().startswith("#")]
    try:
        return shlex.split("\n".join(lines).replace("\\\n", " "))
    except ValueError:
        return " ".join(lines).split()

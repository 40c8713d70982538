"""Ollama's Modelfile: one model with its parameters. Source: Ollama's docs/modelfile.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lsrv.config.importing.imported import Imported, put
from lsrv.config.layer import RawTable

_WORDS = frozenset({"FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "ADAPTER", "LICENSE", "MESSAGE", "REQUIRES"})
_INSTRUCTION = re.compile(r"^\s*([A-Za-z]+)\s+(.*)$", re.DOTALL)
_PARAMETERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "num_ctx": ("context.context_length", int),
    "num_batch": ("context.batch_size", int),
    "num_gpu": ("device.gpu_layers", int),
    "num_thread": ("device.threads", int),
    "main_gpu": ("device.main_gpu", int),
    "temperature": ("defaults.temperature", float),
    "top_k": ("defaults.top_k", int),
    "top_p": ("defaults.top_p", float),
    "min_p": ("defaults.min_p", float),
    "num_predict": ("defaults.max_tokens", int),
    "seed": ("defaults.seed", int),
}
_TEMPLATE = "Ollama's templates are Go; the GGUF's own chat template is used (chat_template names another)"


def is_modelfile(text: str) -> bool:
    """Whether it begins as one: FROM stands first, but for comments and other instructions."""
    words = [line.split(None, 1)[0].upper() for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    return "FROM" in words and bool(words) and words[0] in _WORDS


def import_modelfile(source: str, name: str, text: str) -> Imported:
    """The one entry, called `name`."""
    imported = Imported(source)
    entry: RawTable = {"model_id": "", "alias": [name]}
    for word, value in _instructions(text):
        _carry(imported, entry, word, value)
    if entry["model_id"]:
        imported.models.append(entry)
    else:
        imported.leave(name, "has no FROM")
    return imported


def _carry(imported: Imported, entry: RawTable, word: str, value: str) -> None:
    match word:
        case "FROM":
            entry["model_id"] = value
        case "SYSTEM":
            put(entry, "defaults.system", value)
        case "ADAPTER":
            entry["adapters"] = [{"name": "adapter", "source": value, "default": True}]
        case "PARAMETER":
            _carry_parameter(imported, entry, value)
        case "TEMPLATE":
            imported.leave("TEMPLATE", _TEMPLATE)
        case "LICENSE" | "REQUIRES":
            pass
        case _:
            imported.leave(word, "lsrv has no such setting")


def _carry_parameter(imported: Imported, entry: RawTable, text: str) -> None:
    name, _, value = text.partition(" ")
    value = _unquoted(value.strip())
    if name == "stop":
        defaults = entry.setdefault("defaults", {})
        assert isinstance(defaults, dict)
        defaults.setdefault("stop", []).append(value)
        return
    if name not in _PARAMETERS:
        imported.leave(f"PARAMETER {name}", "lsrv has no such setting; a request can say it")
        return
    key, convert = _PARAMETERS[name]
    try:
        number = convert(value)
    except ValueError:
        imported.leave(f"PARAMETER {name} {value}", "can't be read")
        return
    if not (isinstance(number, int) and number < 0):  # there, -1 is "no bound" or "chosen", as not said here
        put(entry, key, number)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """(WORD, its text): on one line, or between three quotes over several."""
    lines = iter(text.splitlines())
    for line in lines:
        found = _INSTRUCTION.match(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        word, value = found[1].upper(), found[2].strip()
        if value.startswith('"""'):
            value = value[3:]
            while '"""' not in value and (more := next(lines, None)) is not None:
                value += "\n" + more
            yield word, value.partition('"""')[0].strip("\n")
        else:
            yield word, _unquoted(value)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text

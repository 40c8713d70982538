"""The tables of docs/configuration.md, from the models. Refresh them: `python -m tests.config.reference`."""

from __future__ import annotations

import math
import re
from pathlib import Path

from lsrv.config.keys import Key, known_keys
from lsrv.config.not_yet import NOT_YET

PATH = Path(__file__).parents[2] / "docs/configuration.md"
_BEGIN, _END = "<!-- tables: begin -->\n", "<!-- tables: end -->"


def tables() -> str:
    """One Markdown table per TOML table, in the order of the models."""
    by_table: dict[tuple[str, ...], list[Key]] = {}
    for key in known_keys().values():
        if key.table is None and not _is_hidden(key):
            by_table.setdefault(key.path[:-1], []).append(key)
    return "\n".join(_table(path, keys) for path, keys in by_table.items())


def _is_hidden(key: Key) -> bool:
    """Whether the key stands in a table that is not in this version at all."""
    whole = [entry.key for entry in NOT_YET if tuple(entry.key.split(".")) in known_keys()]
    return any(str(key).startswith(each + ".") for each in whole)


def _table(path: tuple[str, ...], keys: list[Key]) -> str:
    name = ".".join(path)
    title = (
        f"`[[{name}]]`"
        if path in (("models",), ("routes",), ("mcp", "servers"))
        else f"`[{name}]`"
        if path
        else "Above all tables"
    )
    rows = [f"| `{key.path[-1]}` | {_default(key)} | {_meaning(key)} |" for key in keys]
    return "\n".join([f"### {title}\n", "| Key | Default | Meaning |", "|---|---|---|", *rows, ""])


def _default(key: Key) -> str:
    if key.field.is_required():
        return "required"
    value = key.field.get_default()
    if value is None or value in ((), {}):
        return ""
    if key.field.alias in ("cache_disk", "response_cache_disk", "response_store"):
        return f'`"{value / 1024**3:g}GiB"`'
    if key.field.alias == "response_cache_ram":
        return f'`"{value / 1024**2:g}MiB"`'
    if key.field.alias in ("response_cache_age", "response_store_age"):
        return f'`"{value / 86400:g}d"`'
    if key.field.alias in ("keep_alive", "drain_timeout", "swap_patience", "timeout", "tool_timeout", "time_limit"):
        return f'`"{value / 60:g}m"`' if value % 60 == 0 and value < math.inf else f'`"{value:g}s"`'
    return f"`{str(value).lower()}`" if isinstance(value, (bool, int, float)) else f'`"{value}"`'


def _meaning(key: Key) -> str:
    notes = [f"*Not in this version yet: {entry.mend}.*" for entry in NOT_YET if entry.key == str(key)]
    return " ".join([key.field.description or "", *notes]).replace("|", "\\|")


def refresh() -> None:
    text = PATH.read_text()
    parts = re.split(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", text, flags=re.DOTALL)
    PATH.write_text(f"{parts[0]}{_BEGIN}{tables()}{_END}{parts[1]}")


if __name__ == "__main__":
    refresh()

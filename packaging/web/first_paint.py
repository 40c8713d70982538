"""`python packaging/web/first_paint.py`: writes into index.html which modules the first paint needs.

A browser would find out level by level, one round trip each. They are those that app.js imports, and what these import;
what is imported later (`import(…)`) is not among them.
"""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "lsrv/web/static"
BEGIN, END = "<!-- modules of the first paint: begin -->", "<!-- modules of the first paint: end -->"
_IMPORT = re.compile(
    r"""^(?:import|export)\b[^;]*?\bfrom\s*["'](\.[^"']+)["']|^import\s*["'](\.[^"']+)["']""", re.MULTILINE
)
_MINIFIED = re.compile(r"""\bfrom\s*["'](\./[^"']+)["']""")


def first_modules(start: str = "app.js") -> list[str]:
    """Paths below the static folder, sorted; `start` is not among them."""
    found, waiting = {start}, [start]
    while waiting:
        at = STATIC / waiting.pop()
        text = at.read_text(encoding="utf-8")
        names = _MINIFIED.findall(text) if "vendor" in at.parts else ["".join(pair) for pair in _IMPORT.findall(text)]
        for name in names:
            path = (at.parent / name).resolve().relative_to(STATIC.resolve()).as_posix()
            if path not in found:
                found.add(path)
                waiting.append(path)
    return sorted(found - {start})


def with_modules(page: str) -> str:
    """The page with one link for each of them."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    links = "".join(f'    <link rel="modulepreload" href="ui/{name}" />\n' for name in first_modules())
    return f"{head}{BEGIN}\n{links}    {END}{tail}"


if __name__ == "__main__":
    page = STATIC / "index.html"
    page.write_text(with_modules(page.read_text(encoding="utf-8")), encoding="utf-8")

"""`python -m tests.structure.figures [TREE]`: the figures of the building as a table; TREE is another checkout of it.

What is counted stands in each line, and in the docstrings of `rooms`, `names`, `branches` and `trace`. `--no-request`
leaves out the one figure that needs the tree to run (with TREE/.venv, or `--python`); `--places` lists what was found.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.structure.branches import kind_branches, resolved_again
from tests.structure.modules import Module, import_graph, read_modules
from tests.structure.names import twin_files, twin_types
from tests.structure.rooms import ORDER, Graph, circles, floors, room_graph, upward
from tests.structure.trace import trace_chat

HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Figure:
    """`n` of `what`; `found`: each of them, for whoever wants to mend them."""

    what: str
    n: int
    found: tuple[str, ...] = ()


def static_figures(modules: dict[str, Module]) -> Iterator[Figure]:
    """What can be read off the files."""
    graph = import_graph(modules)
    folders = Counter(module.path.parent for module in modules.values())
    folder, n_files = folders.most_common(1)[0]
    yield Figure("most .py files flat in one folder", n_files, (str(folder),))
    for package in ORDER:
        yield Figure(f"floors of imports between the rooms of {package}/", floors(room_graph(package, graph)))
    yield _figure("circles between modules", [" ".join(group) for group in circles(graph)])
    yield _figure("circles between rooms of one package", list(_room_circles(graph)))
    yield _figure("imports against the order of the rooms", list(_upward(graph)))
    every = modules.values()
    yield _figure("public type names with two meanings", [f"{k}: {', '.join(v)}" for k, v in twin_types(every).items()])
    yield _figure("file names twice on ground floors", [f"{k}: {', '.join(v)}" for k, v in twin_files(every).items()])
    yield _figure("branches on the kind of endpoint outside its rooms", kind_branches(every))
    yield _figure("calls behind names.py that resolve a model id", resolved_again(every))


def request_figures(tree: Path, python: Path) -> Iterator[Figure]:
    """What one streaming chat request passes."""
    passage = trace_chat(tree, python)
    yield Figure("files that one streaming chat request passes", len(passage.files), tuple(sorted(passage.files)))
    yield Figure("  of these in the server", len(passage.server))
    yield Figure("  of these in the worker", len(passage.worker))
    yield Figure("look-ups of names in that request", passage.n_resolved)


def _figure(what: str, found: list[str]) -> Figure:
    return Figure(what, len(found), tuple(found))


def _room_circles(graph: Graph) -> Iterator[str]:
    for package in ORDER:
        yield from (f"{package}/: {' '.join(group)}" for group in circles(room_graph(package, graph)))


def _upward(graph: Graph) -> Iterator[str]:
    for package, order in ORDER.items():
        yield from (f"{package}/: {arrow}" for arrow in upward(room_graph(package, graph), order))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", nargs="?", type=Path, default=HERE)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--no-request", action="store_true")
    parser.add_argument("--places", action="store_true")
    asked = parser.parse_args()
    asked.tree = asked.tree.resolve()
    figures = [*static_figures(read_modules(asked.tree / "lsrv"))]
    if not asked.no_request:
        own = Path(sys.executable) if asked.tree == HERE else asked.tree / ".venv" / "bin" / "python"
        figures += request_figures(asked.tree, asked.python or own)
    for figure in figures:
        print(f"{figure.n:>4}  {figure.what}")
        if asked.places:
            print("".join(f"        {place}\n" for place in figure.found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

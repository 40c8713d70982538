"""Names that a reader could mistake for each other: public types, and files, that stand twice."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.structure.modules import Module


def twin_types(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Public type names (classes, aliases, NewTypes at the top of a module) that more than one module defines."""
    return _twins((name, module.name) for module in modules for name in _types(module.tree))


def twin_files(modules: Iterable[Module]) -> dict[str, list[str]]:
    """File names that stand twice on ground floors, so that no folder but the package parts them.

    The ground floor: directly in lsrv/ or in a package. A file in a sub-folder is parted by it, and one in config/ by
    what that package is: settings, each file named for what it sets.
    """
    files = (module for module in modules if not module.is_package and module.folder != "config")
    ground = (module for module in files if module.name.count("/") <= 1 and not module.name.endswith("__main__"))
    return _twins((module.path.name, module.name) for module in ground)


def _twins(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, place in found:
        places[name].append(place)
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def _types(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
            ):
                if _is_type_name(name):
                    yield name
            case _:
                pass


def _is_type_name(name: str) -> bool:
    """CapWords: constants are in capitals or have underscores."""
    return name[0].isupper() and not name.isupper() and "_" not in name

"""Places that a seam should have made needless: who asks what kind an endpoint is, who resolves a model id again."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from tests.structure.modules import Module

# Where endpoints are made and what may stand in their settings: these know their kinds.
ROOMS_OF_ENDPOINTS = ("registry/upstream", "registry/endpoint", "registry/handler", "config")
_ENDPOINTS = ("Lease", "Endpoint", "Entry")


def kind_branches(modules: Iterable[Module]) -> list[str]:
    """Every place (module:line) outside the endpoints' rooms that asks what kind of endpoint there is.

    Counted: a read of `is_upstream`; `.upstream` compared with None; a comparison with the word "upstream";
    `isinstance` or `case` of a class whose name ends in Lease, Endpoint or Entry; a look-up `upstreams.get(…)`.
    """
    outside = (module for module in modules if not module.name.startswith(ROOMS_OF_ENDPOINTS))
    return [place for module in outside for place in _places(module, _asks_for_kind)]


def resolved_again(modules: Iterable[Module]) -> list[str]:
    """Every place (module:line) in registry/ but names.py that calls `.resolve(a_model)`: ids are canonical there."""
    behind = (module for module in modules if module.name.startswith("registry/") and module.name != "registry/names")
    return [place for module in behind for place in _places(module, _resolves)]


def _places(module: Module, is_meant: Callable[[ast.AST], bool]) -> Iterator[str]:
    lines = {node.lineno for node in ast.walk(module.tree) if is_meant(node)}
    yield from (f"{module.name}:{line}" for line in sorted(lines))


def _asks_for_kind(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="is_upstream", ctx=ast.Load()):
            return True
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()]):
            return isinstance(left, ast.Attribute) and left.attr == "upstream"
        case ast.Compare(comparators=[ast.Constant(value="upstream")]):
            return True
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
            return any(_is_endpoint(each) for each in ast.walk(kinds))
        case ast.MatchClass(cls=kind):
            return _is_endpoint(kind)
        case ast.Call(func=ast.Attribute(attr="get", value=ast.Attribute(attr="_upstreams" | "upstreams"))):
            return True
        case _:
            return False


def _is_endpoint(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.endswith(_ENDPOINTS)


def _resolves(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="resolve"), args=[_, *_]):
            return True
        case _:
            return False

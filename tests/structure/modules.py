"""The modules of lsrv in one tree of files: their names and what they import, read without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Module:
    """`name`: "api/http/sse", below lsrv/; that of a package is its folder, and "" is lsrv itself."""

    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def folder(self) -> str:
        """The folder that its file lies in, below lsrv/."""
        return self.name if self.is_package else self.name.rpartition("/")[0]

    def imports(self) -> Iterator[str]:
        """Dotted names of everything it imports, at any depth of its code."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}:{node.lineno}: imports are absolute"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def read_modules(root: Path) -> dict[str, Module]:
    """All modules below `root`, which is the folder lsrv/, by name."""
    modules: dict[str, Module] = {}
    for path in sorted(root.rglob("*.py")):
        below = path.relative_to(root)
        name = below.parent if path.name == "__init__.py" else below.with_suffix("")
        modules[name.as_posix().removeprefix(".")] = Module(name.as_posix().removeprefix("."), path)
    return modules


def import_graph(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """Which modules of `modules` each of them imports, itself left out."""
    return {name: set(_targets(module, modules)) - {name} for name, module in modules.items()}


def _targets(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    for dotted in module.imports():
        first, *rest = dotted.split(".")
        if first != "lsrv":
            continue
        whole, owner = "/".join(rest), "/".join(rest[:-1])  # `from lsrv.a import b`: b is a module or a name in one
        yield whole if whole in modules else owner

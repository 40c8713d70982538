"""The rules of the building (docs/architecture.md): who may import whom, and how large a room may be."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import lsrv

ROOT = Path(lsrv.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

LEAVES = {
    "errors",
    "log",
    "protocol",
    "demo",
    "quantization",
    "survival",
    "units",
    "cores",
    "priority",
    "environment",
    "echo",
    "printable",
}
ARROWS: dict[str, set[str]] = {
    "": set(),
    "__main__": {"cli"},
    "errors": set(),
    "log": {"errors", "echo", "printable"},
    "demo": set(),
    "quantization": {"echo"},
    "survival": set(),
    "units": set(),
    "cores": set(),
    "priority": set(),
    "environment": set(),
    "echo": set(),
    "printable": set(),
    "protocol": {"errors"},
    "config": {"errors", "demo", "quantization", "units", "priority", "echo"},
    "frontdoor": {"errors", "log", "demo", "quantization", "survival", "units", "environment", "echo"},
    "engine": {"errors", "log", "protocol", "quantization", "cores", "priority", "echo"},
    "chat": {"errors", "log", "protocol", "echo"},
    "worker": {"engine", "chat", *LEAVES},
    "response_cache": {"errors", "protocol"},
    "registry": {"frontdoor", "config", *LEAVES},
    "serving": {"registry", "response_cache", "config", *LEAVES},
    "runner": {"registry", "config", *LEAVES},
    "api": {"serving", "registry", "response_cache", "config", "web", *LEAVES},
    "web": set(),
    "cli": {"api", "runner", "registry", "frontdoor", "config", *LEAVES},
}

# A foreign package, and the only places (paths below lsrv/, without .py) that may import it.
ROOMS_OF_PACKAGES = {
    "llama_cpp": ("engine/llama", "frontdoor/making/quantize"),
    "numpy": ("engine", "worker", "frontdoor/making/convert", "frontdoor/making/quantize"),
    "llguidance": ("engine", "worker"),
    "tomllib": ("config",),
    "sqlite3": ("response_cache",),
    "pydantic": ("config",),
    "litestar": ("api",),
    "uvicorn": ("api",),
    "rich": ("cli",),
    "rich_click": ("cli",),
    "huggingface_hub": ("frontdoor",),
    "jinja2": ("chat",),
    "httpx2": ("registry/upstream",),
}

VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "common", "base", "misc"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


@cache
def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), str(module))


def _name(module: Path) -> str:
    return module.relative_to(ROOT).with_suffix("").as_posix()


def _package(module: Path) -> str:
    first = module.relative_to(ROOT).parts[0]
    return first.removesuffix(".py") if first != "__init__.py" else ""


def _imports(module: Path) -> Iterator[str]:
    """Dotted names of everything `module` imports, at any depth of its code."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(module)}:{node.lineno}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _own_imports(module: Path) -> Iterator[str]:
    """Packages of lsrv that `module` imports."""
    for name in _imports(module):
        first, _, rest = name.partition(".")
        if first == "lsrv":
            target = rest.split(".")[0]
            yield target if target in ARROWS else ""  # `from lsrv import __version__`


def _words(name: str) -> set[str]:
    return set(name.lower().strip("_").split("_"))


each_module = pytest.mark.parametrize("module", MODULES, ids=_name)


@each_module
def test_imports_follow_the_arrows(module: Path) -> None:
    package = _package(module)
    assert package in ARROWS, f"a new package: draw its arrows here and in docs/architecture.md: {package}"
    against = set(_own_imports(module)) - ARROWS[package] - {package, ""}
    assert not against, f"lsrv/{_name(module)} may not import {sorted(against)}"


@each_module
def test_foreign_packages_stay_in_their_rooms(module: Path) -> None:
    name = _name(module)
    for imported in _imports(module):
        rooms = ROOMS_OF_PACKAGES.get(imported.split(".")[0])
        assert rooms is None or name.startswith(rooms), f"lsrv/{name} imports {imported}, which belongs in {rooms}"


@each_module
def test_http_status_names_stay_in_api_and_the_clients_of_other_servers(module: Path) -> None:
    if _package(module) != "api" and not _name(module).startswith(("frontdoor/hub/", "registry/upstream/")):
        assert "http.HTTPStatus" not in set(_imports(module))
        names = {node.attr for node in ast.walk(_tree(module)) if isinstance(node, ast.Attribute)}
        assert "status_code" not in names


@each_module
def test_files_and_functions_fit_their_limits(module: Path) -> None:
    n_lines = len(module.read_text(encoding="utf-8").splitlines())
    assert n_lines <= MAX_FILE_LINES, f"lsrv/{_name(module)} has {n_lines} lines: find the second noun"
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= MAX_FUNCTION_LINES, f"lsrv/{_name(module)}:{node.lineno} {node.name} has {size} lines"


@each_module
def test_files_and_classes_have_telling_names(module: Path) -> None:
    for part in module.relative_to(ROOT).with_suffix("").parts:
        assert not _words(part) & VAGUE_NAMES, f"lsrv/{_name(module)}: {part} says nothing"
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ClassDef):
            endings = tuple(name.capitalize() for name in VAGUE_NAMES)
            assert not node.name.endswith(endings), f"lsrv/{_name(module)}: {node.name} says nothing"


@each_module
def test_every_module_says_what_lives_there(module: Path) -> None:
    assert ast.get_docstring(_tree(module)), f"lsrv/{_name(module)} has no docstring"


def test_every_package_that_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in project["dependencies"]}
    distributions = importlib.metadata.packages_distributions()
    imported = {name.split(".")[0] for module in MODULES for name in _imports(module)}
    foreign = imported - sys.stdlib_module_names - {"lsrv"}
    providers = {name: {each.lower().replace("_", "-") for each in distributions.get(name, [])} for name in foreign}
    undeclared = sorted(name for name, found in providers.items() if not found & declared)
    assert not undeclared, f"add to dependencies in pyproject.toml: {undeclared}"


@pytest.mark.parametrize("name", ["lsrv.registry", "lsrv.api.server", "lsrv.cli"])
def test_the_parent_process_never_holds_numpy_or_llama_cpp(name: str) -> None:
    code = f"import sys, {name}; print(*sorted({{'llama_cpp', 'numpy', 'torch'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == []


def test_the_command_line_starts_without_the_server() -> None:
    heavy = "{'litestar', 'uvicorn', 'httpx2', 'huggingface_hub', 'pydantic', 'rich.progress', 'psutil'}"
    code = f"import sys, lsrv.cli; print(*sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == []

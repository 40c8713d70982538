"""The rules of the building (docs/architecture.md): who may import whom, and how large a room may be.

Between packages by `ARROWS`, between the rooms of one package by `ORDER` in `tests/structure/rooms.py`.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import lsrv
from tests.structure.modules import Module, import_graph, read_modules
from tests.structure.names import twin_files, twin_types
from tests.structure.rooms import ORDER, circles, floors, room_graph, upward

ROOT = Path(lsrv.__file__).parent
MODULES = read_modules(ROOT)
IMPORTS = import_graph(MODULES)

LEAVES = {
    "errors",
    "file_digest",
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
    "outlet",
    "standard_streams",
    "threads",
    "home",
    "model_id",
}
ARROWS: dict[str, set[str]] = {
    "": set(),
    "__main__": {"cli", "hangups"},
    "errors": set(),
    "log": {"errors", "echo", "printable", "outlet"},
    "demo": set(),
    "quantization": {"echo"},
    "survival": {"standard_streams"},
    "standard_streams": set(),
    "hangups": {"standard_streams"},
    "outlet": set(),
    "threads": set(),
    "units": set(),
    "file_digest": set(),
    "cores": set(),
    "priority": set(),
    "environment": set(),
    "echo": set(),
    "printable": set(),
    "home": set(),
    "model_id": set(),
    "protocol": {"errors"},
    "config": {"errors", "demo", "quantization", "units", "priority", "echo", "home", "model_id"},
    "frontdoor": {
        "errors",
        "file_digest",
        "log",
        "demo",
        "quantization",
        "survival",
        "units",
        "environment",
        "echo",
        "home",
        "model_id",
    },
    "engine": {"errors", "file_digest", "log", "protocol", "quantization", "cores", "priority", "echo"},
    "chat": {"errors", "log", "protocol", "echo", "printable"},
    "worker": {"engine", "chat", *LEAVES},
    "sqlite_file": set(),
    "mcp": {"config", *LEAVES},
    "response_cache": {"errors", "protocol", "threads", "sqlite_file"},
    "documents": {"errors", "threads", "sqlite_file"},
    "registry": {"frontdoor", "config", *LEAVES},
    "serving": {"registry", "response_cache", "config", *LEAVES},
    "runner": {"api", "registry", "config", *LEAVES},
    "api": {"serving", "mcp", "registry", "response_cache", "documents", "config", "web", *LEAVES},
    "web": set(),
    "cli": {"hangups", "api", "runner", "registry", "frontdoor", "config", *LEAVES},
}

# A foreign package, and the only places (paths below lsrv/, without .py) that may import it.
ROOMS_OF_PACKAGES = {
    "llama_cpp": ("engine/llama", "frontdoor/making/quantize"),
    "numpy": ("engine", "worker", "frontdoor/making/convert", "frontdoor/making/quantize"),
    "llguidance": ("engine", "worker"),
    "tomllib": ("config",),
    "sqlite3": ("response_cache", "documents", "sqlite_file"),
    "pydantic": ("config",),
    "litestar": ("api",),
    "uvicorn": ("api",),
    "rich": ("cli",),
    "prompt_toolkit": ("cli/conversation",),
    "rich_click": ("cli",),
    "huggingface_hub": ("frontdoor",),
    "jinja2": ("chat",),
    "httpx2": ("registry/upstream", "mcp/addresses"),
    "mcp": ("mcp", "api/mcp"),
    "mcp_types": ("mcp", "api/mcp"),
}

VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "common", "base", "misc"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_FILES_IN_FOLDER = 20
MAX_FLOORS = {"api": 9, "registry": 9, "frontdoor": 6}

TWIN_FILES = {"adapters.py"}  # of engine, registry and serving: each says what adapters are to its package


def _package(module: Module) -> str:
    return module.name.split("/")[0]


def _own_imports(module: Module) -> Iterator[str]:
    """Packages of lsrv that `module` imports."""
    for name in module.imports():
        first, _, rest = name.partition(".")
        if first == "lsrv":
            target = rest.split(".")[0]
            yield target if target in ARROWS else ""  # `from lsrv import __version__`


def _words(name: str) -> set[str]:
    return set(name.lower().strip("_").split("_"))


each_module = pytest.mark.parametrize("module", MODULES.values(), ids=[name or "__init__" for name in MODULES])


@each_module
def test_imports_follow_the_arrows(module: Module) -> None:
    package = _package(module)
    assert package in ARROWS, f"a new package: draw its arrows here and in docs/architecture.md: {package}"
    against = set(_own_imports(module)) - ARROWS[package] - {package, ""}
    assert not against, f"lsrv/{module.name} may not import {sorted(against)}"


@each_module
def test_foreign_packages_stay_in_their_rooms(module: Module) -> None:
    name = module.name
    for imported in module.imports():
        rooms = ROOMS_OF_PACKAGES.get(imported.split(".")[0])
        assert rooms is None or name.startswith(rooms), f"lsrv/{name} imports {imported}, which belongs in {rooms}"


@each_module
def test_http_status_names_stay_in_api_and_the_clients_of_other_servers(module: Module) -> None:
    if _package(module) != "api" and not module.name.startswith(("frontdoor/hub/", "registry/upstream/")):
        assert "http.HTTPStatus" not in set(module.imports())
        names = {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
        assert "status_code" not in names


@each_module
def test_files_and_functions_fit_their_limits(module: Module) -> None:
    n_lines = len(module.path.read_text(encoding="utf-8").splitlines())
    assert n_lines <= MAX_FILE_LINES, f"lsrv/{module.name} has {n_lines} lines: find the second noun"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= MAX_FUNCTION_LINES, f"lsrv/{module.name}:{node.lineno} {node.name} has {size} lines"


@each_module
def test_files_and_classes_have_telling_names(module: Module) -> None:
    for part in module.name.split("/"):
        assert not _words(part) & VAGUE_NAMES, f"lsrv/{module.name}: {part} says nothing"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            endings = tuple(name.capitalize() for name in VAGUE_NAMES)
            assert not node.name.endswith(endings), f"lsrv/{module.name}: {node.name} says nothing"


@each_module
def test_every_module_says_what_lives_there(module: Module) -> None:
    assert ast.get_docstring(module.tree), f"lsrv/{module.name} has no docstring"


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(IMPORTS) == []


@pytest.mark.parametrize("folder", sorted({module.folder for module in MODULES.values()} - {""}))
def test_the_rooms_of_a_folder_form_no_circle_and_fit_on_one_screen(folder: str) -> None:
    assert circles(room_graph(folder, IMPORTS)) == [], f"lsrv/{folder}: a name that both need is in the wrong room"
    n_files = sum(module.folder == folder for module in MODULES.values())
    assert n_files <= MAX_FILES_IN_FOLDER, f"lsrv/{folder} has {n_files} files: find the room that some of them share"


@pytest.mark.parametrize("package", sorted(ORDER))
def test_rooms_import_only_what_stands_below_them(package: str) -> None:
    graph, order = room_graph(package, IMPORTS), ORDER[package]
    assert sorted(order.split()) == sorted(graph), "each room has one place in ORDER (tests/structure/rooms.py)"
    assert upward(graph, order) == [], f"lsrv/{package}: these imports go up"
    assert floors(graph) <= MAX_FLOORS.get(package, sys.maxsize)


def test_a_public_type_name_means_one_thing() -> None:
    twins = twin_types(MODULES.values())
    assert not twins, twins


def test_a_file_name_stands_once_on_the_ground_floors() -> None:
    twins = twin_files(MODULES.values())
    assert twins.keys() == TWIN_FILES, twins


def test_every_package_that_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["mcp"]]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in lines}
    distributions = importlib.metadata.packages_distributions()
    imported = {name.split(".")[0] for module in MODULES.values() for name in module.imports()}
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

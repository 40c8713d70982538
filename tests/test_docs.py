"""The docs say what is there: links lead somewhere, named files and functions exist, orders are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import lsrv
from lsrv.cli import cli
from lsrv.quantization import parse_quant
from lsrv.registry.entries.phase import Phase

ROOT = Path(__file__).parents[1]
SOURCE = Path(lsrv.__file__).parent
ARCHITECTURE = ROOT / "docs/architecture.md"
DESIGNS = sorted((ROOT / "lsrv").rglob("DESIGN.md"))
FOLDERS = ("docs", "lsrv", "benchmarks", "packaging", ".github")
PAGES = sorted({*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))})

GROUPS = {name for name, command in cli.commands.items() if isinstance(command, click.Group)}

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w.-]+)?|[\w-]+\.(?:py|md|toml|yml|yaml))`")
_STEP = re.compile(r"^\| [^|]+ \| `(?P<path>[\w./]+\.py)` \| (?P<names>[^|]+) \|", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

each_map = pytest.mark.parametrize("page", [ARCHITECTURE, *DESIGNS], ids=lambda page: page.relative_to(ROOT).as_posix())
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@cache
def _text(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def _anchors(page: Path) -> set[str]:
    """What a link may name behind `#`: headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def _definitions(module: Path) -> set[str]:
    """`name`, and `Class.name` for what stands in classes."""
    found: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{each.name}" for each in inner}
    return found


def _commands(group: click.Group, above: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} ")
        else:
            yield above + name


@each_page
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in _LINK.findall(_text(page)):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        assert not anchor or anchor in _anchors(target), f"{page.name}: {link}: no such heading"


@each_map
def test_every_path_on_a_map_exists(page: Path) -> None:
    for path in _PATH.findall(_text(page)):
        places = (page.parent, SOURCE, ROOT)
        assert any((place / path).exists() for place in places), f"{page.name} names `{path}`, which is not there"


def test_every_step_of_a_request_names_functions_of_its_file() -> None:
    steps = list(_STEP.finditer(_text(ARCHITECTURE)))
    for step in steps:
        missing = set(re.findall(r"`([\w.]+)`", step["names"])) - _definitions(SOURCE / step["path"])
        assert not missing, f"{step['path']} has no {sorted(missing)}"


def test_the_architecture_fits_a_few_screens() -> None:
    assert len(ARCHITECTURE.read_text(encoding="utf-8").splitlines()) <= 120


def test_the_phases_in_the_design_are_those_of_the_code() -> None:
    text = (SOURCE / "registry/DESIGN.md").read_text(encoding="utf-8")
    diagram = text[text.index("```") : text.index("| Phase |")]
    rows = re.findall(r"^\| `([A-Z]+)` \|", text, re.MULTILINE)
    assert rows == [phase.name for phase in Phase]
    assert all(f" {phase.name} " in diagram for phase in Phase)


def test_docstrings_say_what_a_thing_is_without_its_surroundings() -> None:
    dependent = {"As", "Before", "Behind", "By", "For", "Its", "Of", "Those", "Until", "Without"}
    for module in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first, _, _ = (ast.get_docstring(node) or "").partition(" ")
                assert first not in dependent, f"{module}:{node.lineno} {node.name} begins with {first!r}: of what?"


def test_every_command_has_its_line_in_the_docs_and_every_command_in_the_docs_exists() -> None:
    lines = re.findall(r"^\| `lsrv ([a-z-]+)(?: ([a-z]+))?(?=[ `])", _text(ROOT / "docs/cli.md"), re.MULTILINE)
    in_docs = {" ".join(filter(None, (name, part if name in GROUPS else ""))) for name, part in lines}
    assert in_docs == set(_commands(cli))


def test_the_order_of_four_bits_in_the_docs_is_that_of_the_code() -> None:
    names = ["Unsloth's mixes of four bits" if name == "UD-" else name for name in parse_quant("4").names]
    assert f"| {', '.join(names)}: the first that exists;" in _text(ROOT / "docs/models.md")

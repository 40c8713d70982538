"""The docs say what is there: links lead somewhere, orders are those of the code."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from lsrv.quantization import parse_quant

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "lsrv", "benchmarks", "packaging", ".github")
PAGES = sorted({*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))})

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

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


@each_page
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in _LINK.findall(_text(page)):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        assert not anchor or anchor in _anchors(target), f"{page.name}: {link}: no such heading"


def test_the_order_of_four_bits_in_the_docs_is_that_of_the_code() -> None:
    names = ["Unsloth's mixes of four bits" if name == "UD-" else name for name in parse_quant("4").names]
    assert f"| {', '.join(names)}: the first that exists;" in _text(ROOT / "docs/models.md")

"""A Runner as part of a process: what is imported, what is left behind, and the examples of the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.models import STORIES

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
PAGE = (ROOT / "docs/python.md").read_text()


def _run(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_runs(example: Path, folder: Path) -> None:
    ran = _run(example.read_text(), cwd=folder)
    assert ran.returncode == 0 and ran.stdout, ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_page_shows_examples_that_are_run_and_links_them_all() -> None:
    texts = [example.read_text() for example in EXAMPLES]
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        assert any(block in text for text in texts)
    assert all(f"(examples/{example.name})" in PAGE for example in EXAMPLES if example.name != "chat.py")


def test_the_command_line_starts_without_it(tmp_path: Path) -> None:
    ran = _run("import sys, lsrv; print([name for name in sys.modules if name.startswith('lsrv.')])", cwd=tmp_path)
    assert ran.stdout == "[]\n", ran.stderr


def test_a_process_that_ends_without_closing_takes_its_workers_along(tmp_path: Path) -> None:
    program = """
import psutil, sys
from lsrv import Runner
runner = Runner(sys.argv[1], context_length=128, server={"spare_workers": 0})
print(*(child.pid for child in psutil.Process().children(recursive=True)))
"""
    ran = _run(program, str(STORIES), cwd=tmp_path)
    pids = [int(pid) for pid in ran.stdout.split()]
    assert ran.returncode == 0 and pids, ran.stderr
    gone, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=30)
    assert not alive, gone

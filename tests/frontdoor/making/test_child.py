from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lsrv.errors import BuildCancelledError, ConvertError, QuantizeError
from lsrv.frontdoor.making.child import ChildStep, run_child
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress
from tests.conftest import ROOT, wait_until
from tests.frontdoor.making.step import Fate, StepOrder

STEP = ChildStep("tests.frontdoor.making.step", "quantize", "a step", QuantizeError)


@pytest.fixture(autouse=True)
def _tests_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(fate: Fate, on_progress: OnBuildProgress = ignore_progress, cancel: Cancel | None = None) -> None:
    run_child(STEP, StepOrder(fate), on_progress, cancel)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_progress_comes_as_the_child_reports_it() -> None:
    seen: list[BuildProgress] = []
    run("well", seen.append)
    assert seen[-1] == BuildProgress("quantize", "a step", 10, 10)


def test_an_error_of_the_child_is_the_same_error_here() -> None:
    with pytest.raises(ConvertError) as caught:
        run("refuse")
    assert caught.value.message == "no such architecture"
    assert caught.value.param == "model_id"
    assert caught.value.fields == {"arch": "mamba9"}


def test_a_crash_is_an_error_of_the_step_with_the_signal_and_the_last_words() -> None:
    with pytest.raises(QuantizeError, match=r"died of SIGSEGV.*lsrv doctor.*last words") as caught:
        run("crash")
    assert caught.value.fields == {"signal": "SIGSEGV", "log": ["last words"]}


def test_a_child_that_was_killed_is_explained_by_memory() -> None:
    with pytest.raises(QuantizeError, match=r"SIGKILL.*memory ran out"):
        run("wait", lambda progress: os.kill(progress.n_bytes, signal.SIGKILL))


def test_a_bug_in_the_child_is_an_error_too() -> None:
    with pytest.raises(QuantizeError, match=r"exit code 1.*RuntimeError: a bug of ours"):
        run("raise")


def test_cancel_ends_the_child_at_once() -> None:
    cancel = Cancel()
    pids: list[int] = []

    def on_progress(progress: BuildProgress) -> None:
        pids.append(progress.n_bytes)
        cancel.set()

    with pytest.raises(BuildCancelledError):
        run("wait", on_progress, cancel)
    assert is_gone(pids[0])


def test_whatever_on_progress_raises_ends_the_child() -> None:
    pids: list[int] = []

    def on_progress(progress: BuildProgress) -> None:
        pids.append(progress.n_bytes)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("wait", on_progress)
    assert is_gone(pids[0])


def test_a_child_can_not_reach_the_network() -> None:
    with pytest.raises(QuantizeError, match="may not use the network"):
        run("call")


def test_a_child_sees_no_key_or_token_and_imports_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_TOKEN", "LSRV_ADMIN_KEYS", "LSRV_API_KEY", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "MINE"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "msgspec.py").write_text("raise SystemExit('somebody else ran')")
    with pytest.raises(ConvertError) as caught:
        run("look")
    assert caught.value.message == f"[] {ROOT} 1"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_a_child_dies_with_its_parent() -> None:
    imported = "from tests.frontdoor.making.test_child import run"
    code = f"{imported}\nrun('wait', lambda progress: print(progress.n_bytes, flush=True))"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: is_gone(pid))

"""Fetching across processes and on small disks: kills, rivals, no room."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsrv.errors import FetchError
from lsrv.frontdoor.hub import Hub, HubFile
from lsrv.frontdoor.hub.fetch import TransferLimits, fetch_files
from lsrv.frontdoor.hub.fetch.part import n_bytes_held
from tests.conftest import ROOT, wait_until
from tests.frontdoor.hub.fetch.fetch_process import LIMITS
from tests.hub_server import HubServer

WEIGHTS = random.Random(5).randbytes(3_000_000)
NAME = "m-Q4_K_M.gguf"
ONE = TransferLimits(n_connections=1)

StartFetch = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def start_fetch(hub_server: HubServer, tmp_path: Path) -> StartFetch:
    """Starts processes that fetch NAME of o/m into tmp_path/hub."""
    hub_server.add_repo("o/m", {NAME: WEIGHTS})

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.frontdoor.hub.fetch.fetch_process", "o/m", NAME]
        environment = os.environ | hub_server.environment(tmp_path)
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    return start


def n_bytes_here(cache: Path) -> int:
    """How much of WEIGHTS the cache's part holds."""
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    return n_bytes_held(cache / "models--o--m" / "blobs" / sha256, HubFile(NAME, len(WEIGHTS), sha256, sha256))


def test_after_a_kill_at_42_percent_only_the_rest_is_fetched(
    hub_server: HubServer, start_fetch: StartFetch, tmp_path: Path
) -> None:
    n_before = len(WEIGHTS) * 42 // 100
    for _ in range(LIMITS.n_connections):
        hub_server.fail_next(path="/blobs/", hold_after=n_before // LIMITS.n_connections)
    first = start_fetch()
    wait_until(lambda: n_bytes_here(tmp_path / "hub") == n_before)
    first.kill()
    first.wait()
    assert hub_server.n_bytes_sent() == n_before
    assert not list(tmp_path.glob("hub/*/snapshots/*/*"))
    hub_server.requests.clear()

    output, _ = start_fetch().communicate(timeout=60)

    assert Path(output.strip()).read_bytes() == WEIGHTS
    assert hub_server.n_bytes_sent() == len(WEIGHTS) - n_before


def test_two_processes_that_want_the_same_file_fetch_it_once(hub_server: HubServer, start_fetch: StartFetch) -> None:
    processes = [start_fetch(), start_fetch()]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert outputs[0] == outputs[1]
    assert Path(outputs[0].strip()).read_bytes() == WEIGHTS
    assert hub_server.n_bytes_sent() == len(WEIGHTS)


def test_a_process_goes_on_where_its_killed_rival_stopped(
    hub_server: HubServer, start_fetch: StartFetch, tmp_path: Path
) -> None:
    for _ in range(LIMITS.n_connections):
        hub_server.fail_next(path="/blobs/", hold_after=100_000)
    first = start_fetch()
    wait_until(lambda: n_bytes_here(tmp_path / "hub") == LIMITS.n_connections * 100_000)
    second = start_fetch()
    wait_until(lambda: len(hub_server.asked("/api/models/o/m")) == 2)
    first.kill()

    output, _ = second.communicate(timeout=60)

    assert Path(output.strip()).read_bytes() == WEIGHTS
    assert hub_server.n_bytes_sent() == len(WEIGHTS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk needs the right to mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def hub(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    return Hub(None)


def test_too_little_room_is_said_before_a_byte_is_fetched(hub: Hub, hub_server: HubServer, small_disk: Path) -> None:
    hub_server.add_repo("o/m", {NAME: random.Random(6).randbytes(4_100_000)})
    with pytest.raises(FetchError, match=r"not enough room for o/m .* 4100000 bytes to fetch.* HF_HUB_CACHE") as caught:
        fetch_files(hub, hub.list_repo("o/m"), [NAME], small_disk)
    assert caught.value.fields == {"n_bytes_needed": 4_100_000, "n_bytes_free": 4 * 1024 * 1024}
    assert not hub_server.asked("/resolve/")


def test_a_disk_that_fills_up_keeps_the_part_and_the_rest_follows_later(
    hub: Hub, hub_server: HubServer, small_disk: Path
) -> None:
    hub_server.add_repo("o/m", {NAME: WEIGHTS})
    hub_server.fail_next(path="/blobs/", hold_after=1_000_000)
    repo = hub.list_repo("o/m")
    errors: list[FetchError] = []

    def fetch_in_vain() -> None:
        with pytest.raises(FetchError) as caught:
            fetch_files(hub, repo, [NAME], small_disk, limits=ONE)
        errors.append(caught.value)

    thread = threading.Thread(target=fetch_in_vain)
    thread.start()
    wait_until(lambda: n_bytes_here(small_disk) == 1_000_000)
    someone_else = small_disk / "someone else's"
    someone_else.write_bytes(bytes(2_000_000))
    hub_server.release()
    thread.join()

    (error,) = errors
    n_held = int(error.fields["n_bytes_held"] or 0)
    assert 1_000_000 < n_held < len(WEIGHTS)
    assert f"is full: {n_held} of {len(WEIGHTS)} bytes of {NAME} are there and kept" in str(error)
    someone_else.unlink()
    hub_server.requests.clear()

    (path,) = fetch_files(hub, repo, [NAME], small_disk, limits=ONE)
    assert path.read_bytes() == WEIGHTS
    assert hub_server.n_bytes_sent() == len(WEIGHTS) - n_held

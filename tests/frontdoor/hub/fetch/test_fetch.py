"""`fetch_files` against a Hub on loopback: what arrives, and what happens when it does not arrive as it should."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
from filelock import FileLock

from lsrv.errors import BuildCancelledError, FetchError, WeightsNotFoundError
from lsrv.frontdoor.hub import Hub, Patience
from lsrv.frontdoor.hub.fetch import TransferLimits, fetch_files
from lsrv.frontdoor.progress import BuildProgress, Cancel
from tests.conftest import wait_until
from tests.hub_server import HubServer

QUICK = Patience(first_wait_s=0.01, longest_wait_s=0.05, connect_timeout_s=5, stall_timeout_s=20)
ONE = TransferLimits(n_connections=1, n_retries=2)
FOUR = TransferLimits(n_connections=4, segment_bytes=64 * 1024, n_retries=2)
WEIGHTS = random.Random(4).randbytes(1_000_003)
NAME = "m-Q4_K_M.gguf"


@pytest.fixture
def hub(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub without a token whose repository o/m holds WEIGHTS as NAME."""
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    hub_server.add_repo("o/m", {NAME: WEIGHTS, "config.json": b'{"a": 1}', "sub/empty.txt": b""})
    return Hub(None, patience=QUICK)


def fetch(hub: Hub, cache: Path, *names: str, limits: TransferLimits = ONE, cancel: Cancel | None = None) -> list[Path]:
    return fetch_files(hub, hub.list_repo("o/m"), names or [NAME], cache, limits=limits, cancel=cancel)


def leftovers(cache: Path) -> list[str]:
    """Names of blobs that are not whole."""
    return sorted(path.name for path in cache.glob("*/blobs/*") if "." in path.name)


def test_files_stand_where_huggingface_hub_finds_them(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    paths = fetch(hub, tmp_path, NAME, "config.json", "sub/empty.txt")

    assert [path.read_bytes() for path in paths] == [WEIGHTS, b'{"a": 1}', b""]
    n_requests = len(hub_server.requests)
    for path, name in zip(paths, (NAME, "config.json", "sub/empty.txt"), strict=True):
        found = huggingface_hub.hf_hub_download("o/m", name, cache_dir=tmp_path, local_files_only=True)
        assert found == str(path)
    assert len(hub_server.requests) == n_requests
    assert not paths[0].readlink().is_absolute()
    assert not leftovers(tmp_path)


def test_a_file_that_is_there_is_not_fetched_again(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    first = fetch(hub, tmp_path)
    hub_server.requests.clear()

    assert fetch(hub, tmp_path) == first
    assert not hub_server.asked("/resolve/")


def test_what_is_in_the_cache_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    repo = hub.list_repo("o/m")
    paths = fetch_files(hub, repo, [NAME], tmp_path)
    offline = Hub(None, offline=True)

    assert fetch_files(offline, repo, [NAME], tmp_path) == paths
    with pytest.raises(FetchError, match="offline"):
        fetch_files(offline, repo, ["config.json"], tmp_path)


def test_a_blob_of_an_older_commit_is_linked_and_not_fetched(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    hub_server.commit("o/m", {"config.json": b"{}"})
    hub_server.requests.clear()

    (path,) = fetch(hub, tmp_path)

    assert path.read_bytes() == WEIGHTS
    assert path.parent.name == hub_server.repos["o/m"].commit
    assert not hub_server.asked("/blobs/")


def test_several_connections_share_a_large_file(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    (path,) = fetch(hub, tmp_path, limits=FOUR)

    assert path.read_bytes() == WEIGHTS
    asked = {each.headers["range"] for each in hub_server.asked("/blobs/")}
    assert len(asked) == 16
    assert hub_server.n_bytes_sent() == len(WEIGHTS)
    assert len(hub_server.asked("/resolve/")) <= FOUR.n_connections  # then straight to the storage host


def test_a_broken_connection_goes_on_at_the_next_byte(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.fail_next(path="/blobs/", cut_after=300_000)

    (path,) = fetch(hub, tmp_path)

    assert path.read_bytes() == WEIGHTS
    broken, resumed = hub_server.asked("/blobs/")
    assert resumed.headers["range"] == f"bytes=300000-{len(WEIGHTS) - 1}"
    assert resumed.headers["if-range"] == f'"{hub_server.repos["o/m"].files[NAME].storage_etag}"'
    assert resumed.headers["accept-encoding"] == "identity"  # a compressed answer has no byte 300000 of the file
    assert broken.n_bytes_sent + resumed.n_bytes_sent == len(WEIGHTS)


def test_every_connection_may_break_now_and_then(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    for _ in range(12):
        hub_server.fail_next(path="/blobs/", cut_after=20_000)
    (path,) = fetch(hub, tmp_path, limits=FOUR)
    assert path.read_bytes() == WEIGHTS
    assert hub_server.n_bytes_sent() == len(WEIGHTS)


@pytest.mark.parametrize("limits", [ONE, FOUR], ids=["one", "four"])
def test_a_server_that_knows_no_ranges_sends_everything(
    hub: Hub, hub_server: HubServer, tmp_path: Path, limits: TransferLimits
) -> None:
    hub_server.fail_next(path="/blobs/", ignore_range=True, times=99)
    (path,) = fetch(hub, tmp_path, limits=limits)
    assert path.read_bytes() == WEIGHTS


def test_a_server_that_knows_no_ranges_and_breaks_off_is_asked_for_everything_again(
    hub: Hub, hub_server: HubServer, tmp_path: Path
) -> None:
    hub_server.fail_next(path="/blobs/", cut_after=300_000, ignore_range=True)
    hub_server.fail_next(path="/blobs/", cut_after=100_000, ignore_range=True)
    hub_server.fail_next(path="/blobs/", ignore_range=True)

    (path,) = fetch(hub, tmp_path)

    assert path.read_bytes() == WEIGHTS
    assert [each.n_bytes_sent for each in hub_server.asked("/blobs/")] == [300_000, 100_000, len(WEIGHTS)]


def test_a_server_that_always_breaks_off_is_given_up_and_the_part_is_kept(
    hub: Hub, hub_server: HubServer, tmp_path: Path
) -> None:
    fault = hub_server.fail_next(path="/blobs/", cut_after=0, times=99)
    with pytest.raises(FetchError, match="broke off"):
        fetch(hub, tmp_path)
    assert 99 - fault.times == 1 + ONE.n_retries
    assert not list(tmp_path.glob("*/snapshots/*/*"))


def test_a_busy_storage_host_is_asked_again(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.fail_next(503, path="/blobs/")
    hub_server.fail_next(429, path="/blobs/", headers={"Retry-After": "0"})
    (path,) = fetch(hub, tmp_path)
    assert path.read_bytes() == WEIGHTS


def test_an_address_that_has_expired_is_asked_for_anew(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.fail_next(path="/blobs/", cut_after=300_000)
    hub_server.fail_next(403, path="/blobs/")

    (path,) = fetch(hub, tmp_path)

    assert path.read_bytes() == WEIGHTS
    assert [each.status for each in hub_server.asked("/blobs/")] == [206, 403, 206]
    assert len(hub_server.asked("/resolve/")) == 2


def test_a_refusal_is_not_repeated(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.repos["o/m"].gated = True
    with pytest.raises(FetchError, match="is gated"):
        fetch(hub, tmp_path)
    assert len(hub_server.asked("/resolve/")) == 1


def test_a_server_that_falls_silent_is_left_and_asked_again(hub_server: HubServer, hub: Hub, tmp_path: Path) -> None:
    hub_server.fail_next(path="/blobs/", hold_after=300_000)

    (path,) = fetch(Hub(None, patience=replace(QUICK, stall_timeout_s=0.3)), tmp_path)

    assert path.read_bytes() == WEIGHTS
    silent, resumed = hub_server.asked("/blobs/")
    assert silent.n_bytes_sent == 300_000
    assert resumed.n_bytes_sent == len(WEIGHTS) - 300_000


def test_wrong_bytes_are_refused_and_removed(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.swap_bytes("o/m", NAME, bytes(len(WEIGHTS)))
    with pytest.raises(FetchError, match="other bytes than the Hub promises"):
        fetch(hub, tmp_path, limits=FOUR)
    assert not list(tmp_path.glob("*/blobs/*"))
    assert not list(tmp_path.glob("*/snapshots/*/*"))


def test_wrong_bytes_of_a_small_file_are_refused_too(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.swap_bytes("o/m", "config.json", b'{"a": 2}')
    with pytest.raises(FetchError, match=r"config\.json .* other bytes"):
        fetch(hub, tmp_path, "config.json")


def test_another_size_than_listed_is_refused_before_a_byte_is_kept(
    hub: Hub, hub_server: HubServer, tmp_path: Path
) -> None:
    hub_server.swap_bytes("o/m", NAME, b"short")
    with pytest.raises(FetchError, match=f"has 5 bytes .* listing says {len(WEIGHTS)}"):
        fetch(hub, tmp_path)


def test_bytes_that_change_between_two_attempts_are_never_mixed(
    hub: Hub, hub_server: HubServer, tmp_path: Path
) -> None:
    other = bytes(len(WEIGHTS))
    hub_server.swap_bytes("o/m", NAME, other)
    hub_server.fail_next(path="/blobs/", hold_after=300_000)
    found: list[Path] = []
    thread = threading.Thread(target=lambda: found.extend(fetch(hub, tmp_path)))
    thread.start()
    wait_until(lambda: hub_server.n_bytes_sent() == 300_000)

    hub_server.swap_bytes("o/m", NAME, WEIGHTS)  # another ETag: If-Range no longer holds
    part = next(tmp_path.glob("*/blobs/*.part"))
    wait_until(lambda: part.stat().st_size == 300_000)
    hub_server.break_held()
    thread.join()

    assert found and found[0].read_bytes() == WEIGHTS
    assert [each.status for each in hub_server.asked("/blobs/")] == [206, 200]


def test_an_earlier_part_with_wrong_bytes_is_fetched_anew(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.fail_next(path="/blobs/", cut_after=300_000)
    hub_server.fail_next(500, path="/blobs/", times=99)
    with pytest.raises(FetchError, match="answered 500"):
        fetch(hub, tmp_path)
    (part,) = tmp_path.glob("*/blobs/*.part")
    part.write_bytes(bytes(300_000))  # as after a power cut
    hub_server.forget_faults()

    (path,) = fetch(hub, tmp_path)

    assert path.read_bytes() == WEIGHTS
    assert not leftovers(tmp_path)


def test_a_cancel_ends_at_once_and_keeps_what_arrived(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.fail_next(path="/blobs/", hold_after=300_000)
    cancel = Cancel()

    def cancel_when_some_arrived() -> None:
        wait_until(lambda: [path for path in tmp_path.glob("*/blobs/*.part") if path.stat().st_size == 300_000])
        cancel.set()

    thread = threading.Thread(target=cancel_when_some_arrived)
    thread.start()
    with pytest.raises(BuildCancelledError, match="kept"):
        fetch(hub, tmp_path, cancel=cancel)
    thread.join()
    assert not [each for each in threading.enumerate() if each.name == "lsrv-fetch"]
    hub_server.requests.clear()

    (path,) = fetch(hub, tmp_path)
    assert path.read_bytes() == WEIGHTS
    assert hub_server.n_bytes_sent() == len(WEIGHTS) - 300_000


class CountingCancel(Cancel):
    """Counts how often it was asked."""

    n_checks = 0

    def check(self) -> None:
        self.n_checks += 1
        super().check()


def test_a_file_that_huggingface_hub_is_fetching_is_waited_for(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    sha256 = hub_server.repos["o/m"].files[NAME].sha256
    lock = tmp_path / ".locks" / "models--o--m" / f"{sha256}.lock"  # where huggingface_hub has it
    lock.parent.mkdir(parents=True)
    cancel = CountingCancel()
    found: list[Path] = []
    thread = threading.Thread(target=lambda: found.extend(fetch(hub, tmp_path, cancel=cancel)))

    with FileLock(lock):
        thread.start()
        wait_until(lambda: cancel.n_checks >= 3)
        (tmp_path / "models--o--m" / "blobs" / sha256).write_bytes(WEIGHTS)
    thread.join()

    assert found and found[0].read_bytes() == WEIGHTS
    assert not hub_server.asked("/resolve/")


def test_a_revision_with_slashes_is_kept_as_a_reference(hub: Hub, hub_server: HubServer, tmp_path: Path) -> None:
    repo = hub_server.repos["o/m"]
    repo.revisions["refs/pr/1"] = repo.commit

    fetch_files(hub, hub.list_repo("o/m", "refs/pr/1"), ["config.json"], tmp_path)

    found = huggingface_hub.try_to_load_from_cache("o/m", "config.json", cache_dir=tmp_path, revision="refs/pr/1")
    assert isinstance(found, str)


def test_progress_counts_all_files_and_what_was_there_before(hub: Hub, tmp_path: Path) -> None:
    fetch(hub, tmp_path, "config.json")
    seen: list[BuildProgress] = []

    fetch_files(hub, hub.list_repo("o/m"), ["config.json", NAME], tmp_path, on_progress=seen.append)

    counts = [each.n_bytes for each in seen]
    assert counts == sorted(counts)
    assert counts[-1] == seen[-1].n_bytes_total == len(WEIGHTS) + 8
    assert {each.what for each in seen} == {"o/m/config.json", f"o/m/{NAME}"}
    assert next(each.n_bytes for each in seen if each.what == f"o/m/{NAME}") == 8


def test_a_name_that_is_not_in_the_repository_is_refused(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r'o/m at "main" has no file "no\.gguf"'):
        fetch(hub, tmp_path, "no.gguf")


def test_a_cache_that_can_not_be_written_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models--o--m").write_text("in the way")
    with pytest.raises(FetchError, match=r"can't write to the Hugging Face cache.*models--o--m"):
        fetch(hub, tmp_path)


def test_where_links_can_not_be_made_the_file_itself_gets_the_name(
    hub: Hub, hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")  # as exFAT says

    monkeypatch.setattr(Path, "symlink_to", refuse)
    (path,) = fetch(hub, tmp_path)
    assert path.read_bytes() == WEIGHTS
    assert not path.is_symlink()
    hub_server.requests.clear()
    assert fetch(hub, tmp_path) == [path]
    assert not hub_server.asked("/resolve/")

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lsrv.errors import BuildCancelledError, BuildError, CorruptWeightsError, WeightsNotFoundError
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress
from lsrv.frontdoor.store.source_key import source_key
from lsrv.frontdoor.store.store import Recipe, Store, StoredWeights, only_one
from tests.conftest import ROOT, wait_until
from tests.models import STORIES

Q4 = Recipe(quantization="Q4_K_M")
Q8 = Recipe(quantization="Q8_0")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path))
    return Store()


def copy_stories(target: Path) -> None:
    target.write_bytes(STORIES.read_bytes())


def never(_target: Path) -> None:
    raise AssertionError("made although it is there")


def make(
    store: Store, name: str = "stories-Q4_K_M", recipe: Recipe = Q4, on_progress: OnBuildProgress = ignore_progress
) -> StoredWeights:
    return store.make("source", recipe, copy_stories, name=name, origin="a test", on_progress=on_progress)


def test_what_was_made_is_found_again_and_never_made_twice(store: Store) -> None:
    assert store.get("source", Q4) is None
    made = make(store)
    assert made.path.read_bytes() == STORIES.read_bytes()
    assert made.path.name == "stories-Q4_K_M.gguf"
    assert store.get("source", Q4) == made
    assert store.make("source", Q4, never, name="another", origin="") == made


def test_another_source_or_recipe_is_another_file(store: Store) -> None:
    make(store)
    others = (Q8, Recipe(quantization="Q4_K_M", imatrix="a"), Recipe(quantization="Q4_K_M", converter=1))
    assert [store.get("source", recipe) for recipe in others] == [None] * 3
    assert store.get("other source", Q4) is None


def test_an_entry_says_where_it_came_from_and_what_it_really_is(store: Store) -> None:
    made = make(store)
    assert (made.origin, made.source_key, made.recipe) == ("a test", "source", Q4)
    assert made.quantization == "F32", "read back from the file, not believed"
    assert list(made.tensor_bytes) == ["F32"]
    assert made.size_bytes == STORIES.stat().st_size


def test_weights_go_by_key_file_name_and_path(store: Store) -> None:
    first = make(store, "owner/a b")
    second = make(store, "second", Q8)
    assert first.path.name == "owner_a b.gguf"
    for name in (first.key, first.key[:6], "owner_a b", "owner_a b.gguf", str(first.path)):
        assert only_one(store.find(name), name) == first
    assert {each.key for each in store.entries()} == {first.key, second.key}


def test_a_name_of_nothing_or_of_several_is_refused(store: Store) -> None:
    make(store, "twin")
    make(store, "twin", Q8)
    with pytest.raises(WeightsNotFoundError, match="lsrv list"):
        only_one(store.find("nothing"), "nothing")
    with pytest.raises(BuildError, match="means 2 files"):
        only_one(store.find("twin"), "twin")


def test_removing_frees_the_bytes_and_forgets_the_entry(store: Store) -> None:
    made = make(store)
    assert store.remove(made) == made.size_bytes
    assert store.get("source", Q4) is None
    assert list(store.folder.iterdir()) == []
    with pytest.raises(WeightsNotFoundError, match="gone already"):
        store.remove(made)


def test_weights_that_are_open_go_on_while_their_entry_goes(store: Store) -> None:
    made = make(store)
    with made.path.open("rb") as file:
        store.remove(made)
        assert file.read() == STORIES.read_bytes()


def test_whatever_fails_leaves_nothing(store: Store) -> None:
    def fail(target: Path) -> None:
        target.write_bytes(b"half")
        raise BuildCancelledError("given up")

    with pytest.raises(BuildCancelledError):
        store.make("source", Q4, fail, name="a", origin="")
    with pytest.raises(CorruptWeightsError):
        store.make("source", Q4, lambda target: target.write_bytes(b"no GGUF"), name="a", origin="")
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("damage", ["note", "size", "gone"])
def test_a_damaged_entry_is_made_anew(damage: str, store: Store) -> None:
    made = make(store)
    match damage:
        case "note":
            (made.path.parent / "made.json").write_text("{")
        case "size":
            made.path.write_bytes(b"short")
        case _:
            made.path.unlink()
    assert store.entries() == []
    assert make(store).path.read_bytes() == STORIES.read_bytes()


# --- two at once, and killed ones ---

MAKER = """
import sys
from pathlib import Path
from tests.frontdoor.store.test_store import Q4, Store, copy_stories

def write(target):
    copy_stories(target)
    print("writing", flush=True)
    sys.stdin.readline()

Store().make("source", Q4, write, name="theirs", origin="another process")
"""


def start_maker() -> subprocess.Popen[str]:
    """Another process amid making the weights; a line on its stdin lets it end."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def test_a_second_process_waits_and_finds_what_the_first_made(store: Store) -> None:
    process = start_maker()

    def let_it_end(progress: BuildProgress) -> None:
        assert progress.what == "ours.gguf, made by another process"
        assert store.get("source", Q4) is None, "it shows before it is whole"
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    found = store.make("source", Q4, never, name="ours", origin="", on_progress=let_it_end)
    assert found.origin == "another process"
    assert process.wait() == 0
    process.communicate()


def test_who_waits_for_another_process_can_give_up(store: Store) -> None:
    process = start_maker()
    cancel = Cancel()
    with pytest.raises(BuildCancelledError):
        store.make("source", Q4, never, name="a", origin="", on_progress=lambda _progress: cancel.set(), cancel=cancel)
    process.communicate("\n")
    assert process.returncode == 0


def test_threads_that_want_the_same_make_it_once(store: Store) -> None:
    n_made: list[Path] = []
    found: list[StoredWeights] = []
    is_second_waiting = threading.Event()

    def write(target: Path) -> None:
        n_made.append(target)
        assert is_second_waiting.wait(30)
        copy_stories(target)

    def want() -> None:
        found.append(
            store.make("source", Q4, write, name="a", origin="", on_progress=lambda _progress: is_second_waiting.set())
        )

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(n_made) == 1
    assert found[0] == found[1]


def test_a_killed_process_leaves_only_what_a_sweep_removes(store: Store) -> None:
    process = start_maker()
    (partial,) = store.folder.iterdir()
    assert store.sweep() == 0, "it is being made"
    assert partial.is_dir()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert store.entries() == []
    assert store.sweep() >= STORIES.stat().st_size
    assert list(store.folder.iterdir()) == []


def test_the_next_build_sweeps_what_a_killed_process_left(store: Store) -> None:
    process = start_maker()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    other = make(store, "other", Q8)
    wait_until(lambda: list(store.folder.iterdir()) == [other.path.parent])


# --- keys of sources ---


def test_the_same_content_has_the_same_key_wherever_it_lies(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gguf", tmp_path / "sub" / "b.gguf"
    second.parent.mkdir()
    for path in (first, second):
        copy_stories(path)
        os.utime(path, (0, 0))
    assert source_key([first]) == source_key([second])
    blob = tmp_path / ("0" * 64)
    link = tmp_path / "link.gguf"
    link.symlink_to(blob)
    copy_stories(blob)
    before = source_key([link])
    os.utime(blob, (1, 1))
    assert source_key([link]) == before, "the Hub cache names blobs by their hash"


def test_other_content_time_or_order_is_another_key(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    for path, content in ((one, b"1" * 9_000_000), (two, b"1" * 8_999_999 + b"2")):
        path.write_bytes(content)
        os.utime(path, (0, 0))
    keys = {source_key([one]), source_key([two]), source_key([one, two]), source_key([two, one])}
    os.utime(one, (1, 1))
    assert len(keys | {source_key([one])}) == 5

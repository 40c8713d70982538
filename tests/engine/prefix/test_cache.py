"""The cache against fresh contexts: whatever was reused, copied, saved or awaited, the text is the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsrv.engine.engine import Engine
from lsrv.engine.load.loading import EngineParts, LoadedModel
from lsrv.engine.prefix.store import SequenceStore
from lsrv.engine.sequence import Sequence
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.near_ties import assert_same_texts

SYSTEM = "Once upon a time there was a little girl named Lily. She loved to play in the park with her mom and her dog. "
ENDS = ["One day she saw a big red ball", "Her friend Tom came and", "The dog was sad and", "Then it began to rain"]
BOTH_KV = pytest.mark.parametrize("kv", ["split", "shared"])


def engine_of(stories: LoadedModel) -> Engine:
    assert stories.generation is not None
    return stories.generation


AsFresh = Callable[[str, str], None]


@pytest.fixture(scope="module")
def assert_as_fresh(load_stories: LoadStories) -> AsFresh:
    """`assert_as_fresh(prompt, text)`: the text is what the model says to a prompt when nothing is cached."""
    stories = load_stories()
    known: dict[str, str] = {}

    def check(prompt: str, text: str) -> None:
        if prompt not in known:
            engine_of(stories).fail_all()
            known[prompt] = run_all(engine_of(stories), make_sequence(stories, 0, prompt))[0]
        assert_same_texts(stories, [prompt], [text], [known[prompt]])

    return check


def n_prefilled(engine: Engine, *sequences: Sequence) -> int:
    before = engine.counts.n_prefill_tokens
    run_all(engine, *sequences)
    return engine.counts.n_prefill_tokens - before


@BOTH_KV
def test_requests_that_arrive_together_read_their_common_beginning_once(
    load_stories: LoadStories, assert_as_fresh: AsFresh, kv: str
) -> None:
    stories = load_stories(kv=kv, n_ubatch=64)
    sequences = [make_sequence(stories, i, SYSTEM + end) for i, end in enumerate(ENDS)]
    n_common = len(make_sequence(stories, 0, SYSTEM).prompt) - 1  # the last piece may join with what follows
    engine = engine_of(stories)
    for sequence in sequences:
        engine.submit(sequence)
    texts = run_all(engine)
    for i, end in enumerate(ENDS):
        assert_as_fresh(SYSTEM + end, texts[i])
    assert [sequence.n_cached >= n_common for sequence in sequences] == [False, True, True, True]
    assert engine.counts.n_prefill_tokens <= n_common + sum(len(s.prompt) - n_common for s in sequences)


@BOTH_KV
def test_a_follower_goes_on_alone_when_its_leader_is_aborted(
    load_stories: LoadStories, assert_as_fresh: AsFresh, kv: str
) -> None:
    stories = load_stories(kv=kv, n_batch=32, n_ubatch=32)
    engine = engine_of(stories)
    leader, *followers = [make_sequence(stories, i, SYSTEM + end) for i, end in enumerate(ENDS)]
    for sequence in (leader, *followers):
        engine.submit(sequence)
    engine.step()
    assert 0 < leader.n_past < len(leader.prompt)
    engine.abort(leader.request_id)
    texts = run_all(engine)
    for each, end in zip(followers, ENDS[1:], strict=True):
        assert_as_fresh(SYSTEM + end, texts[each.request_id])
    assert all(each.n_cached for each in followers)


@BOTH_KV
def test_a_prompt_is_found_in_a_slot_that_is_still_writing(
    load_stories: LoadStories, assert_as_fresh: AsFresh, kv: str
) -> None:
    stories = load_stories(kv=kv)
    engine = engine_of(stories)
    writer = make_sequence(stories, 1, SYSTEM, n_max_tokens=100)
    engine.submit(writer)
    engine.step()
    second = make_sequence(stories, 2, SYSTEM + ENDS[0])
    assert_as_fresh(SYSTEM + ENDS[0], run_all(engine, second)[2])
    assert second.n_cached >= len(writer.prompt) - 1
    assert second.seq_id != writer.seq_id


@BOTH_KV
def test_a_prompt_that_lost_its_slot_comes_back_from_the_host_memory(
    load_stories: LoadStories, assert_as_fresh: AsFresh, kv: str
) -> None:
    stories = load_stories(kv=kv, n_slots=1, cache_ram_bytes=10_000_000)
    engine = engine_of(stories)
    run_all(engine, make_sequence(stories, 1, SYSTEM))
    run_all(engine, make_sequence(stories, 2, " ".join(ENDS)))
    again = make_sequence(stories, 3, SYSTEM + ENDS[1])
    assert_as_fresh(SYSTEM + ENDS[1], run_all(engine, again)[3])
    assert again.n_cached >= len(make_sequence(stories, 0, SYSTEM).prompt) - 1


def test_a_saved_prompt_is_used_even_if_it_has_to_give_way_at_that_moment(
    load_stories: LoadStories, assert_as_fresh: AsFresh
) -> None:
    store = SequenceStore(60_000)
    stories = load_stories(EngineParts(store=store), n_slots=1)
    engine = engine_of(stories)
    run_all(engine, make_sequence(stories, 1, SYSTEM))
    run_all(engine, make_sequence(stories, 2, " ".join(ENDS)))
    (saved,) = store
    again = make_sequence(stories, 3, SYSTEM)
    assert_as_fresh(SYSTEM, run_all(engine, again)[3])
    assert again.n_cached
    assert saved not in list(store), "make the store smaller: both fit"


def test_the_host_memory_is_bounded(load_stories: LoadStories) -> None:
    store = SequenceStore(200_000)
    stories = load_stories(EngineParts(store=store), n_slots=1)
    engine = engine_of(stories)
    for number, end in enumerate(ENDS * 2):
        run_all(engine, make_sequence(stories, number, f"{number} {end} {SYSTEM}"))
        assert 0 <= store.size_bytes <= 200_000
    assert store.size_bytes > 0


def test_a_slot_is_not_saved_that_others_hold_too(load_stories: LoadStories) -> None:
    store = SequenceStore(10_000_000)
    stories = load_stories(EngineParts(store=store), n_slots=1)
    engine = engine_of(stories)
    for number in range(3):
        run_all(engine, make_sequence(stories, number, SYSTEM))
        run_all(engine, make_sequence(stories, number, " ".join(ENDS)))
    assert len(store) == 2


@pytest.mark.parametrize("kv", ["split", "shared"])
def test_a_prompt_survives_an_unload_on_disk(
    load_stories: LoadStories, assert_as_fresh: AsFresh, tmp_path: Path, kv: str
) -> None:
    def load() -> LoadedModel:
        return load_stories(kv=kv, cache_folder=str(tmp_path / "kept"), cache_disk_bytes=50_000_000)

    stories = load()
    run_all(engine_of(stories), make_sequence(stories, 1, SYSTEM))
    assert engine_of(stories).save_cache(time.monotonic() + 60) == 1
    stories = load()
    again = make_sequence(stories, 2, SYSTEM + ENDS[2])
    assert_as_fresh(SYSTEM + ENDS[2], run_all(engine_of(stories), again)[2])
    assert again.n_cached >= len(make_sequence(stories, 0, SYSTEM).prompt) - 1
    assert engine_of(stories).save_cache(time.monotonic() + 60) == 0, "nothing new is worth a file"


def test_a_conversation_that_went_on_replaces_its_file(load_stories: LoadStories, tmp_path: Path) -> None:
    for prompt in (SYSTEM.strip(), SYSTEM + " ".join(ENDS)):
        stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000)
        run_all(engine_of(stories), make_sequence(stories, 1, prompt, n_max_tokens=1))
        assert engine_of(stories).save_cache(time.monotonic() + 60) == 1
    assert len(list(tmp_path.glob("*/*.sequence"))) == 1


def test_other_settings_see_no_files(load_stories: LoadStories, tmp_path: Path) -> None:
    stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000)
    run_all(engine_of(stories), make_sequence(stories, 1, SYSTEM))
    engine_of(stories).save_cache(time.monotonic() + 60)
    other = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000, cache_type_k="f32")
    again = make_sequence(other, 2, SYSTEM)
    run_all(engine_of(other), again)
    assert again.n_cached == 0


@pytest.mark.parametrize("damage", ["state", "header", "short", "empty", "alien"])
def test_a_damaged_file_is_deleted_and_changes_no_answer(
    load_stories: LoadStories,
    assert_as_fresh: AsFresh,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000)
    run_all(engine_of(stories), make_sequence(stories, 1, SYSTEM))
    engine_of(stories).save_cache(time.monotonic() + 60)
    (path,) = tmp_path.glob("*/*.sequence")
    raw = bytearray(path.read_bytes())
    match damage:
        case "state":
            raw[-1000] ^= 1
        case "header":
            raw[20] ^= 1
        case "short":
            del raw[-1:]
        case "empty":
            raw.clear()
        case _:
            raw = bytearray(b"GGUF" * 1000)
    path.write_bytes(raw)
    stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000)
    again = make_sequence(stories, 2, SYSTEM)
    assert_as_fresh(SYSTEM, run_all(engine_of(stories), again)[2])
    assert again.n_cached == 0
    assert not path.exists()
    assert "of no use and is deleted" in caplog.text


def test_the_folder_is_bounded_over_all_models(load_stories: LoadStories, tmp_path: Path) -> None:
    old = tmp_path / "another" / "old.sequence"
    old.parent.mkdir()
    old.write_bytes(bytes(150_000))
    stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=200_000)
    run_all(engine_of(stories), *(make_sequence(stories, i, f"{i} {SYSTEM}") for i in range(4)))
    engine_of(stories).save_cache(time.monotonic() + 60)
    left = list(tmp_path.glob("*/*"))
    assert 0 < sum(path.stat().st_size for path in left) <= 200_000
    assert old not in left


def test_the_folder_holds_so_many_files(load_stories: LoadStories, tmp_path: Path) -> None:
    another = tmp_path / "another"
    another.mkdir()
    for i in range(2000):
        (another / f"{i}.sequence").touch()
    stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000)
    run_all(engine_of(stories), make_sequence(stories, 1, SYSTEM))
    assert engine_of(stories).save_cache(time.monotonic() + 60) == 1
    assert len(list(tmp_path.glob("*/*"))) == 1024


def test_what_is_read_sooner_than_a_file_gets_none(load_stories: LoadStories, tmp_path: Path) -> None:
    stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000)
    run_all(engine_of(stories), make_sequence(stories, 1, SYSTEM))
    assert engine_of(stories).save_cache(time.monotonic() + 60, file_s=1000.0) == 0
    assert engine_of(stories).save_cache(time.monotonic() + 60, file_s=1e-9) == 1


def test_nothing_is_saved_once_the_time_is_over(load_stories: LoadStories, tmp_path: Path) -> None:
    stories = load_stories(cache_folder=str(tmp_path), cache_disk_bytes=50_000_000)
    run_all(engine_of(stories), make_sequence(stories, 1, SYSTEM))
    assert engine_of(stories).save_cache(time.monotonic()) == 0
    assert np.array_equal(list(tmp_path.iterdir()), [])

"""LoRA adapters in one engine: each request gets its own, whoever decodes beside it, and nothing of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.adapters import NO_ADAPTERS, AdapterSet, AdapterTurns
from lsrv.engine.engine import Engine
from lsrv.engine.llama.backend import Backend
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.load.memory_plan import plan_memory
from lsrv.errors import LoadFailedError, ModelNotFoundError, RequestError
from lsrv.protocol.commands import AdapterChoice, AdapterFile, LoadParams
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.near_ties import assert_same_texts
from tests.models import STORIES
from tests.models.lora import write_lora

PROMPT = "Once upon a time there was a little girl named Lily. She loved to play in the park with her mom and"
CHOICES: list[list[AdapterChoice]] = [
    [],
    [AdapterChoice("a", 1.0)],
    [AdapterChoice("b", 1.0)],
    [AdapterChoice("a", 0.3)],
    [AdapterChoice("a", 0.5), AdapterChoice("b", 0.5)],
]
LoadWithAdapters = Callable[..., LoadedModel]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[AdapterFile]:
    folder = tmp_path_factory.mktemp("adapters")
    return [
        AdapterFile(name, str(write_lora(folder / f"{name}.gguf", seed))) for seed, name in enumerate(("a", "b", "c"))
    ]


@pytest.fixture
def load(load_stories: LoadStories, files: list[AdapterFile]) -> LoadWithAdapters:
    """stories260K with the adapters a and b."""
    return lambda **params: load_stories(adapters=files[:2], **params)


def engine_of(loaded: LoadedModel) -> Engine:
    assert loaded.generation is not None
    return loaded.generation


def text_of(loaded: LoadedModel, choices: list[AdapterChoice], prompt: str = PROMPT) -> str:
    return run_all(engine_of(loaded), make_sequence(loaded, 0, prompt, adapters=loaded.adapters.chosen(choices)))[0]


def assert_says(loaded: LoadedModel, choices: list[AdapterChoice], found: str, expected: str) -> None:
    assert_same_texts(loaded, [PROMPT], [found], [expected], adapters=loaded.adapters.chosen(choices))


@pytest.fixture(scope="module")
def alone(load_stories: LoadStories, files: list[AdapterFile]) -> list[str]:
    """The text of each of CHOICES in a context that never saw another."""
    return [text_of(load_stories(adapters=files[:2]), choices) for choices in CHOICES]


def test_every_choice_of_adapters_has_a_text_of_its_own(alone: list[str], stories: LoadedModel) -> None:
    assert len(set(alone)) == len(CHOICES)
    assert_says(stories, [], alone[0], text_of(stories, []))  # that they are loaded changes nothing


@pytest.mark.parametrize("kv", ["split", "shared"])
def test_in_one_batch_each_gets_its_own(load: LoadWithAdapters, alone: list[str], kv: str) -> None:
    loaded = load(kv=kv, n_slots=len(CHOICES))
    sequences = [
        make_sequence(loaded, i, PROMPT, adapters=loaded.adapters.chosen(choices)) for i, choices in enumerate(CHOICES)
    ]
    texts = run_all(engine_of(loaded), *sequences)
    assert all(sequence.n_cached == 0 for sequence in sequences)
    for i, choices in enumerate(CHOICES):
        assert_says(loaded, choices, texts[i], alone[i])


@pytest.mark.parametrize("cache_ram_bytes", [0, 1 << 24])
def test_one_after_another_in_one_slot_none_gets_what_is_left(
    load: LoadWithAdapters, alone: list[str], cache_ram_bytes: int
) -> None:
    loaded = load(n_slots=1, cache_ram_bytes=cache_ram_bytes)
    for choices, expected in zip(CHOICES * 2, alone * 2, strict=True):
        assert_says(loaded, choices, text_of(loaded, choices), expected)


def test_a_prompt_is_reused_by_requests_with_the_same_adapters_only(load: LoadWithAdapters) -> None:
    loaded = load()
    for choices, n_expected in ([CHOICES[1], 0], [CHOICES[2], 0], [CHOICES[1], 1], [CHOICES[3], 0], [CHOICES[2], 1]):
        sequence = make_sequence(loaded, 0, PROMPT, adapters=loaded.adapters.chosen(choices))
        run_all(engine_of(loaded), sequence)
        assert sequence.n_cached == n_expected * (len(sequence.prompt) - 1)


def test_the_order_and_weights_of_zero_make_no_difference(load: LoadWithAdapters) -> None:
    adapters = load().adapters
    a, b = AdapterChoice("a", 0.5), AdapterChoice("b", 0.5)
    assert adapters.chosen([a, b]) == adapters.chosen([b, a])
    assert adapters.chosen([AdapterChoice("a", 0.0)]) == NO_ADAPTERS


def test_a_new_adapter_is_loaded_and_unloaded_beside_running_requests(
    load: LoadWithAdapters, alone: list[str], files: list[AdapterFile]
) -> None:
    loaded = load()
    engine = engine_of(loaded)
    engine.submit(make_sequence(loaded, 0, PROMPT))
    engine.submit(make_sequence(loaded, 1, PROMPT, adapters=loaded.adapters.chosen(CHOICES[1])))
    outputs = engine.step()
    loaded.adapters.load("c", files[2].path)
    engine.submit(make_sequence(loaded, 2, PROMPT, adapters=loaded.adapters.chosen([AdapterChoice("c", 1.0)])))
    outputs += engine.step()
    loaded.adapters.unload("a")
    loaded.adapters.unload("c")
    while engine.has_work:
        outputs += engine.step()
    texts = ["".join(output.text for output in outputs if output.sequence.request_id == i) for i in range(3)]
    assert texts[:2] == alone[:2]
    assert texts[2] not in alone
    assert loaded.adapters.names == ["b"]
    assert not loaded.adapters.has_retired  # freed with the last request that used them


def test_a_replaced_adapter_leaves_nothing_behind(
    load: LoadWithAdapters, alone: list[str], files: list[AdapterFile]
) -> None:
    """Same name, same weight, maybe the same address in memory: other numbers."""
    loaded = load(n_slots=1)
    assert_says(loaded, CHOICES[1], text_of(loaded, CHOICES[1]), alone[1])
    for file, expected in [(files[1], alone[2]), (files[0], alone[1])] * 2:
        loaded.adapters.load("a", file.path)
        engine_of(loaded).free_retired_adapters()
        assert_says(loaded, CHOICES[1], text_of(loaded, CHOICES[1]), expected)


def test_an_adapter_that_is_not_there_is_refused_with_those_that_are(load: LoadWithAdapters) -> None:
    adapters = load().adapters
    with pytest.raises(RequestError, match="no adapter 'x'; it has a, b"):
        adapters.chosen([AdapterChoice("x", 1.0)])
    with pytest.raises(ModelNotFoundError, match="no adapter 'x'; it has a, b"):
        adapters.unload("x")


def test_an_adapter_of_another_shape_is_named_with_the_reason(load_stories: LoadStories, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "short.gguf", 1, n_cut=8)
    with pytest.raises(LoadFailedError, match=r"short\.gguf can't be used with this llama model: .*incorrect shape"):
        load_stories(adapters=[AdapterFile("short", str(path))])


def test_an_adapter_of_another_architecture_is_named_with_the_reason(load_stories: LoadStories, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "other.gguf", 1, arch="qwen3")
    with pytest.raises(LoadFailedError, match=r"other\.gguf can't be used .*arch mismatch"):
        load_stories(adapters=[AdapterFile("other", str(path))])


def test_an_activated_lora_is_refused(load_stories: LoadStories, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "activated.gguf", 1, aloras=(5, 6))
    with pytest.raises(LoadFailedError, match=r"activated\.gguf is an activated LoRA"):
        load_stories(adapters=[AdapterFile("activated", str(path))])


def test_an_embedding_model_takes_no_adapters(load_stories: LoadStories, files: list[AdapterFile]) -> None:
    with pytest.raises(LoadFailedError, match="vectors or scores"):
        load_stories(adapters=files, is_embedding=True)


def test_the_memory_of_adapters_is_planned_and_counted(
    load: LoadWithAdapters, stories: LoadedModel, files: list[AdapterFile], backend: Backend
) -> None:
    n_more = load().info.memory.weights_bytes - stories.info.memory.weights_bytes
    n_bytes = sum(Path(file.path).stat().st_size for file in files[:2])
    assert 0.8 * n_bytes < n_more <= n_bytes
    without, with_them = (
        plan_memory(backend, LoadParams(model_path=str(STORIES), adapters=adapters), []).contexts[0]
        for adapters in ([], files[:2])
    )
    assert with_them.total_bytes - without.total_bytes == n_bytes
    assert with_them.memory.weights_bytes - without.memory.weights_bytes == n_bytes


# -- whose turn it is ------------------------------------------------------------------------------

A: AdapterSet = ((1, 1.0),)
B: AdapterSet = ((2, 1.0),)


def test_a_turn_lasts_its_time_and_then_the_next_one_has_it() -> None:
    turns = AdapterTurns(turn_s=1.0)
    wanted = [NO_ADAPTERS, A, B, A]
    times = [0.0, 0.9, 1.0, 1.5, 2.1, 3.1]
    assert [turns.next(wanted, now_s) for now_s in times] == [NO_ADAPTERS, NO_ADAPTERS, A, A, B, NO_ADAPTERS]


def test_a_turn_ends_with_its_last_sequence() -> None:
    turns = AdapterTurns(turn_s=1.0)
    assert turns.next([A, B], 0.0) == A
    assert turns.next([B], 0.1) == B
    assert turns.next([B, A], 0.2) == B  # a new one queues
    assert turns.next([B, A], 1.1) == A


@given(st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=60), st.floats(0.1, 3.0))
def test_whoever_wants_is_next_before_anyone_has_had_two_turns(steps: list[set[int]], step_s: float) -> None:
    turns = AdapterTurns(turn_s=1.0)
    n_turns_waited = dict.fromkeys(range(5), 0)
    last: AdapterSet | None = None
    for i, wanted in enumerate(steps):
        chosen = turns.next([((n, 1.0),) for n in sorted(wanted)], i * step_s)
        ((number, _),) = chosen
        assert number in wanted
        for n in range(5):
            n_turns_waited[n] = 0 if n == number or n not in wanted else n_turns_waited[n] + (chosen != last)
            assert n_turns_waited[n] <= 4
        last = chosen

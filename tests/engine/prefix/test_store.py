from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.adapters import NO_ADAPTERS
from lsrv.engine.prefix.spans import Spans
from lsrv.engine.prefix.store import SavedSequence, SequenceStore

MAX_BYTES = 100
TOKENS = np.arange(2, dtype=np.int32)


def add(store: SequenceStore, n_bytes: int, value: int) -> list[SavedSequence]:
    """Keep a state of `n_bytes` equal ones; returns what gave way."""
    saved, gone = store.add(TOKENS, NO_ADAPTERS, 0, n_bytes)
    saved.state[:] = value
    return gone


def values(store: SequenceStore) -> list[int]:
    """What every state is made of, from the last used on."""
    assert all((saved.state == saved.state[0]).all() for saved in store)
    return [int(saved.state[0]) for saved in store]


@given(st.lists(st.tuples(st.integers(1, MAX_BYTES), st.integers(0, 5))))
def test_spans_lie_apart_and_as_low_as_they_fit(history: list[tuple[int, int]]) -> None:
    spans, taken = Spans(MAX_BYTES), dict[int, int]()
    for n_bytes, n_older in history:
        used = {at for start, n in taken.items() for at in range(start, start + n)}
        free = [at for at in range(MAX_BYTES - n_bytes + 1) if used.isdisjoint(range(at, at + n_bytes))]
        start = spans.take(n_bytes)
        assert start == min(free, default=None)
        if start is not None:
            taken[start] = n_bytes
        elif taken:
            older = list(taken)[n_older % len(taken)]
            spans.give_back(older)
            del taken[older]


@given(st.lists(st.integers(1, MAX_BYTES - TOKENS.nbytes), max_size=50))
def test_states_are_bounded_and_stay_as_they_were_written(sizes: list[int]) -> None:
    store = SequenceStore(MAX_BYTES)
    kept: list[int] = []
    for value, n_bytes in enumerate(sizes):
        gone = add(store, n_bytes, value)
        kept = [value, *kept][: len(kept) + 1 - len(gone)]
        assert values(store) == kept, "the oldest give way"
        assert store.size_bytes == sum(sizes[each] + TOKENS.nbytes for each in kept) <= MAX_BYTES


def test_a_held_sequence_can_be_read_after_it_gave_way() -> None:
    store = SequenceStore(MAX_BYTES)
    add(store, 40, 1)
    (held,) = store
    store.hold(held)
    assert add(store, 80, 2) == [held]
    assert (held.state == 1).all()
    assert values(store) == [2]


def test_who_is_held_has_been_used_last() -> None:
    store = SequenceStore(MAX_BYTES)
    add(store, 30, 1)
    add(store, 30, 2)
    store.hold(list(store)[-1])
    add(store, 30, 3)
    assert values(store) == [3, 1]

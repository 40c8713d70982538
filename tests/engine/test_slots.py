from __future__ import annotations

import numpy as np

from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.slots import Slots, n_common_prefix


def tokens(*ids: int) -> Tokens:
    return np.array(ids, np.int32)


def test_common_prefix_counts_leading_tokens_only() -> None:
    assert n_common_prefix(tokens(1, 2, 3), tokens(1, 2, 4, 3)) == 2
    assert n_common_prefix(tokens(1, 2), tokens(1, 2, 3)) == 2
    assert n_common_prefix(tokens(), tokens(1)) == 0


def test_the_slot_that_remembers_most_is_taken() -> None:
    slots = Slots(2)
    story = tokens(*range(100))
    first, _ = slots.take(story)
    second, _ = slots.take(story)
    slots.release(first.seq_id, story)
    slots.release(second.seq_id, tokens(9, 9))
    taken, n_known = slots.take(tokens(*range(60), 7))
    assert (taken.seq_id, n_known) == (first.seq_id, 60)


def test_without_a_memory_worth_keeping_busy_slots_stay_side_by_side() -> None:
    slots = Slots(8)
    for _ in range(8):
        slots.take(tokens(1))
    for seq_id in (0, 1, 3, 5, 6, 7):
        slots.release(seq_id, tokens(1, 2, 3))
    assert slots.take(tokens(1, 2, 3))[0].seq_id == 3  # 2 and 4 are busy


def test_of_equals_the_slot_unused_longest_is_taken_so_that_memories_live_long() -> None:
    slots = Slots(2)
    a, _ = slots.take(tokens(1))
    b, _ = slots.take(tokens(2))
    slots.release(b.seq_id, tokens(2))
    slots.release(a.seq_id, tokens(1))
    assert slots.take(tokens(5))[0].seq_id == b.seq_id


def test_a_busy_slot_is_never_taken_again() -> None:
    slots = Slots(2)
    taken = {slots.take(tokens(1))[0].seq_id for _ in range(2)}
    assert taken == {0, 1}
    assert not slots.can_take()

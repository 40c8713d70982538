from __future__ import annotations

import numpy as np

from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.sequence import Sequence
from lsrv.engine.slots import Slot, Slots


def sequence(*prompt: int) -> Sequence:
    made = Sequence(
        request_id=0,
        prompt=np.array(prompt, np.int32),
        sampler=None,
        text=TextAssembler(),
        n_max_tokens=1,
        submitted_at=0.0,
    )
    made.beginning = made.prompt
    return made


def use(slots: Slots, slot: Slot, *prompt: int) -> None:
    """Take a slot and release it again with all of a prompt in memory."""
    user = sequence(*prompt)
    slots.take(slot, user)
    user.n_past = len(prompt)
    slots.release(slot)


def test_busy_slots_stay_side_by_side() -> None:
    slots = Slots(8)
    for seq_id in (2, 4):
        slots.take(slots[seq_id], sequence(1))
    assert slots.choose(near=slots[0]).seq_id == 3


def test_of_equal_places_the_slot_that_holds_what_is_wanted_is_taken() -> None:
    slots = Slots(3)
    use(slots, slots[1], 1, 2, 3)
    assert slots.choose(near=slots[1]).seq_id == 1


def test_an_empty_slot_is_taken_before_one_that_holds_something() -> None:
    slots = Slots(2)
    use(slots, slots[0], 1, 2)
    assert slots.choose().seq_id == 1


def test_of_equals_the_slot_unused_longest_is_taken_so_that_memories_live_long() -> None:
    slots = Slots(2)
    use(slots, slots[1], 2)
    use(slots, slots[0], 1)
    assert slots.choose().seq_id == 1


def test_a_busy_slot_is_never_taken_again() -> None:
    slots = Slots(2)
    for _ in range(2):
        slots.take(slots.choose(), sequence(1))
    assert slots[0].is_busy
    assert slots[1].is_busy
    assert not slots.can_take()


def test_a_slot_holds_no_more_than_has_been_read() -> None:
    slots = Slots(1)
    reader = sequence(1, 2, 3, 4)
    slots.take(slots[0], reader)
    reader.n_past = 2
    assert slots[0].n_held == 2
    slots.release(slots[0])
    assert slots[0].tokens.tolist() == [1, 2]


def test_slots_are_listed_from_the_last_used_on_without_empty_ones() -> None:
    slots = Slots(4)
    for seq_id in (2, 0, 1):
        use(slots, slots[seq_id], 7)
    assert [slot.seq_id for slot in slots.by_last_use()] == [1, 0, 2]

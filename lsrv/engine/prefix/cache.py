"""The prefix cache of a context: gives sequences their slots, and with them what is already known of their prompts.

Decisions are in `choice` and `slots`, this is where they meet the memory. Its words:

- A *holder* has the cells or the state of some tokens: a slot, busy or free, or a sequence saved in the host's memory
  or on disk. All are in one tree, which keeps those with other adapters apart. Files are of sequences without any: the
  numbers of adapters mean nothing to the next load.
- A *source* is the holder that a prompt's beginning is taken from.
- A *leader* is a sequence that is still reading what another one shares with it; the *follower* has a slot, but reads
  nothing until the leader is that far.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

from lsrv.engine.adapters import NO_ADAPTERS
from lsrv.engine.llama.memory import Memory, State
from lsrv.engine.prefix.choice import (
    N_WORTH_KEEPING,
    Beginning,
    PrefixHolder,
    choose_leader,
    choose_source,
    is_worth_copying,
    is_worth_keeping,
)
from lsrv.engine.prefix.filing import Fileable, file_sequences
from lsrv.engine.prefix.folder import FiledSequence, SequenceFolder
from lsrv.engine.prefix.store import SavedSequence, SequenceStore
from lsrv.engine.prefix.tree import PrefixTree
from lsrv.engine.sequence import Sequence, SequenceState
from lsrv.engine.slots import Slot, Slots
from lsrv.protocol.events import PrefixCacheUse

Holder = Slot | SavedSequence | FiledSequence


@dataclass(frozen=True, slots=True)
class _Following:
    """A follower waits until `leader` has read `n_tokens` tokens of its prompt."""

    leader: Sequence
    n_tokens: int

    @property
    def is_over(self) -> bool:
        return self.leader.n_past >= self.n_tokens or self.leader.state is not SequenceState.PREFILL


class PrefixCache:
    """Slots, saved sequences and the tree over both. Every method belongs to the engine thread."""

    def __init__(
        self,
        memory: Memory,
        n_slots: int,
        n_worth_waiting: int,
        store: SequenceStore,
        folder: SequenceFolder | None,
    ) -> None:
        """`n_worth_waiting`: tokens that a follower must save by waiting for a leader. `folder`: None for no files."""
        self._memory = memory
        self._n_worth_waiting = n_worth_waiting
        self._store = store
        self._folder = folder
        self._filed = folder.list() if folder is not None else []
        self._slots = Slots(n_slots)
        self._tree = self._tree_of_saved()
        self._following: dict[Sequence, _Following] = {}
        self._read_states: dict[Slot, State] = {}  # within one `join_leaders`: all followers of a leader need the same

    # -- what the engine asks ----------------------------------------------------------------------

    def can_take(self) -> bool:
        return self._slots.can_take()

    def take(self, sequence: Sequence) -> None:
        """Give a sequence a slot, and `n_past` of its prompt or a leader to wait for. Needs `can_take`."""
        sequence.beginning = sequence.tokens(0, sequence.n_tokens)
        source, leader = self._find(sequence, None)
        slot = self._choose_slot(source if leader is None else None)
        is_in_place = leader is None and source is not None and source.holder is slot
        self._vacate(slot, source.n_tokens if source is not None and is_in_place else 0)
        self._slots.take(slot, sequence)
        self._tree.insert(slot.tokens, slot, slot.adapters)
        self._begin(slot, sequence, source, leader)

    def join_leaders(self) -> None:
        """Let followers go on whose leader has read what they share, or never will. Call before each step's batch."""
        for sequence, following in list(self._following.items()):
            if following.is_over:
                del self._following[sequence]
                slot = self._slots[sequence.seq_id]
                self._begin(slot, sequence, *self._find(sequence, slot))
        self._read_states.clear()

    def is_following(self, sequence: Sequence) -> bool:
        """Whether a sequence in a slot waits for its leader."""
        return sequence in self._following

    def followers(self, leader: Sequence) -> list[Sequence]:
        """Who waits for what `leader` reads."""
        return [sequence for sequence, following in self._following.items() if following.leader is leader]

    def n_readable(self, sequence: Sequence) -> int:
        """How far into its tokens a sequence may read in the next step.

        Where cells can't be shared, a leader pauses after what its followers share: a copy takes all that is there,
        and in a window or a recurrent state the place is lost once the leader has gone on.
        """
        if self._memory.shares_cells and self._memory.keeps_all_prefixes:
            return sequence.n_tokens
        pauses = [each.n_tokens for each in self._following.values() if each.leader is sequence]
        return min((n for n in pauses if n > sequence.n_past), default=sequence.n_tokens)

    def release(self, sequence: Sequence) -> None:
        """Take the slot back; its cells stay and can be found."""
        slot = self._slots[sequence.seq_id]
        self._following.pop(sequence, None)
        self._tree.remove(slot.tokens, slot, slot.adapters)
        self._slots.release(slot)
        if len(slot.tokens):
            self._tree.insert(slot.tokens, slot, slot.adapters)

    def use(self) -> PrefixCacheUse:
        """What the cache holds now, in numbers."""
        held = [slot.n_past for slot in self._slots.by_last_use()]
        return PrefixCacheUse(
            n_slots_filled=len(held),
            n_slot_tokens=sum(held),
            n_saved=len(self._store),
            saved_bytes=self._store.size_bytes,
            max_saved_bytes=self._store.max_bytes,
            n_filed=len(self._filed),
            filed_bytes=sum(filed.n_state_bytes + filed.tokens.nbytes for filed in self._filed),
        )

    def free_cells(self) -> bool:
        """Drop what the slot that is unused longest holds, a copy of what is worth it kept; False if none is left."""
        idle = [slot for slot in self._slots.by_last_use() if not slot.is_busy]
        if not idle:
            return False
        self._vacate(idle[-1], 0)
        idle[-1].tokens = idle[-1].tokens[:0]
        self._memory.keep_prefix(idle[-1].seq_id, 0)
        return True

    def clear(self) -> None:
        """Empty all slots and the memory. Saved sequences stay: they were copied while all was well."""
        self._memory.clear()
        self._slots = Slots(len(self._slots))
        self._following.clear()
        self._tree = self._tree_of_saved()

    def save(self, until_s: float, n_quick: int = 0) -> int:
        """Keep what is worth it on disk until `until_s` (time.monotonic); returns how many files that made.

        Prompts of up to `n_quick` tokens are not.

        For the end: call nothing afterwards.
        """
        if self._folder is None:
            return 0
        slots = (
            Fileable(slot.all_tokens(), self._n_shortest(slot), partial(self._memory.read_state, slot.seq_id))
            for slot in self._slots.by_last_use()
            if slot.adapters == NO_ADAPTERS
        )
        saved = (
            Fileable(each.tokens, each.n_shortest, lambda each=each: each.state)
            for each in self._store
            if each.adapters == NO_ADAPTERS
        )
        long = (each for each in chain(slots, saved) if len(each.tokens) > n_quick)
        return file_sequences(long, self._filed, self._folder, until_s)

    def _tree_of_saved(self) -> PrefixTree[Holder]:
        tree: PrefixTree[Holder] = PrefixTree()
        for each in (*self._store, *self._filed):
            tree.insert(each.tokens, each, each.adapters)
        return tree

    # -- finding -----------------------------------------------------------------------------------

    def _find(
        self, sequence: Sequence, own_slot: Slot | None
    ) -> tuple[Beginning[Holder] | None, Beginning[Holder] | None]:
        """The best source for a prompt, and the leader that would be better still."""
        self._store.hold(None)
        if not sequence.can_reuse_cache:
            return None, None
        # The last prompt token is always computed: its logits choose the first new token.
        n_wanted = len(sequence.beginning) - 1
        source = choose_source(self._candidates(self._matches(sequence, own_slot)), n_wanted)
        if source is not None and isinstance(source.holder, SavedSequence):
            self._store.hold(source.holder)  # what the slot holds may take its place before it is fetched
        if not any(_can_lead(slot, own_slot) for slot in self._slots):
            return source, None
        leaders = (match for match in self._matches(sequence, own_slot) if _can_lead(match[1], own_slot))
        return source, choose_leader(self._candidates(leaders), n_wanted, source, self._n_worth_waiting)

    def _matches(self, sequence: Sequence, own_slot: Slot | None) -> Iterator[tuple[int, Holder]]:
        """Who else has a beginning of what a sequence holds, and how many tokens of it; the longest first."""
        found = self._tree.matches(sequence.beginning, sequence.adapters)
        return (match for match in found if match[1] is not own_slot)

    def _candidates(self, matches: Iterable[tuple[int, Holder]]) -> Iterator[PrefixHolder[Holder]]:
        for n_shared, holder in matches:
            if isinstance(holder, Slot):
                is_free_of_charge = self._memory.shares_cells or not holder.is_busy
                yield PrefixHolder(holder, n_shared, holder.n_held, self._n_shortest(holder), is_free_of_charge)
            else:
                yield PrefixHolder(holder, n_shared, len(holder.tokens), holder.n_shortest)

    def _n_shortest(self, slot: Slot) -> int:
        return self._memory.shortest_prefix(slot.seq_id, slot.n_past)

    def _choose_slot(self, source: Beginning[Holder] | None) -> Slot:
        """1. A free slot that can be used as it is; but a long rest of it is left alone where cells can be shared.
        2. Else the best place, be the source there or not.
        """
        holder = source.holder if source is not None else None
        if source is None or not isinstance(holder, Slot) or holder.is_busy:
            return self._slots.choose()
        if self._memory.shares_cells and len(holder.tokens) - source.n_tokens >= N_WORTH_KEEPING:
            return self._slots.choose()
        return holder if source.n_tokens >= N_WORTH_KEEPING else self._slots.choose(near=holder)

    # -- moving ------------------------------------------------------------------------------------

    def _begin(
        self,
        slot: Slot,
        sequence: Sequence,
        source: Beginning[Holder] | None,
        leader: Beginning[Holder] | None,
    ) -> None:
        if leader is not None and isinstance(leader.holder, Slot) and leader.holder.sequence is not None:
            self._following[sequence] = _Following(leader.holder.sequence, leader.n_tokens)
            source = None
        sequence.n_past = self._fetch(slot, source)
        if sequence.media and sequence.media.whole(sequence.n_past) < sequence.n_past:
            sequence.n_past = self._memory.keep_prefix(slot.seq_id, sequence.media.whole(sequence.n_past))
        if not sequence.first_token_at:  # else it comes back, and finds its own cells
            sequence.n_cached = min(sequence.n_past, len(sequence.prompt))

    def _fetch(self, slot: Slot, source: Beginning[Holder] | None) -> int:
        """Put the source's tokens into a slot, and nothing else; returns how many they are."""
        if source is None:
            return self._memory.keep_prefix(slot.seq_id, 0)
        if source.holder is slot:
            return self._memory.keep_prefix(slot.seq_id, source.n_tokens)
        if isinstance(source.holder, Slot) and self._memory.shares_cells:
            return self._memory.share_prefix(source.holder.seq_id, slot.seq_id, source.n_tokens)
        state = self._state_of(source.holder, source.n_tokens)
        if state is None:
            return self._memory.keep_prefix(slot.seq_id, 0)
        n_held = self._memory.write_state(slot.seq_id, state, source.n_tokens)
        while n_held < source.n_tokens and self._memory.is_shared and self.free_cells():
            n_held = self._memory.write_state(slot.seq_id, state, source.n_tokens)
        return n_held

    def _state_of(self, holder: Holder, n_tokens: int) -> State | None:
        """The state of a holder whose first `n_tokens` are wanted; None if it can't be had, or not worth the while."""
        if isinstance(holder, SavedSequence):
            return holder.state
        if isinstance(holder, FiledSequence):
            return self._read_file(holder)
        return self._read_state(holder) if is_worth_copying(n_tokens, holder.n_past) else None

    def _read_file(self, filed: FiledSequence) -> State | None:
        assert self._folder is not None
        state = self._folder.read(filed)
        if state is None:
            self._filed.remove(filed)
            self._tree.remove(filed.tokens, filed, filed.adapters)
        return state

    def _read_state(self, slot: Slot) -> State:
        if slot not in self._read_states:
            self._read_states[slot] = self._memory.read_state(slot.seq_id)
        return self._read_states[slot]

    def _vacate(self, slot: Slot, n_staying: int) -> None:
        """Forget what a free slot holds, save for its first tokens; what is worth it is kept in the store."""
        if not len(slot.tokens):
            return
        self._tree.remove(slot.tokens, slot, slot.adapters)
        staying = [PrefixHolder(slot, n_staying, n_staying)] if n_staying else []
        others = self._candidates(self._tree.matches(slot.tokens, slot.adapters))
        if is_worth_keeping(len(slot.tokens), staying) and is_worth_keeping(len(slot.tokens), others):
            self._save(slot)

    def _save(self, slot: Slot) -> None:
        n_state_bytes = self._memory.state_bytes(slot.seq_id)
        if not self._store.has_room_for(slot.tokens.nbytes + n_state_bytes):
            return
        n_shortest = self._n_shortest(slot)
        covered = [*self._covered(slot, n_shortest)]
        for each in covered:
            self._store.remove(each)
        saved, gone = self._store.add(slot.tokens, slot.adapters, n_shortest, n_state_bytes)
        for each in (*covered, *gone):
            self._tree.remove(each.tokens, each, each.adapters)
        if self._memory.read_state_into(saved.state, slot.seq_id):
            self._tree.insert(saved.tokens, saved, saved.adapters)
        else:
            self._store.remove(saved)

    def _covered(self, by: Slot, n_shortest: int) -> Iterator[SavedSequence]:
        """Saved sequences that what a slot holds makes needless, once that is saved."""
        for holder in self._tree.beginnings(by.tokens, by.adapters):
            if isinstance(holder, SavedSequence) and len(holder.tokens) >= n_shortest:
                yield holder


def _can_lead(holder: Holder, follower: Slot | None) -> bool:
    """Whether a holder reads its prompt just now. Who came later never leads: two would wait for each other."""
    if not isinstance(holder, Slot) or holder.sequence is None:
        return False
    sequence = holder.sequence
    is_reading = sequence.state is SequenceState.PREFILL and not sequence.is_being_scored  # which takes its time
    return is_reading and (follower is None or holder.turn < follower.turn)

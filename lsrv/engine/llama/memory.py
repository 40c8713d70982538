"""A context's memory: what it holds of each sequence, how much of that can be kept, shared, taken out and put back.

What a kind of memory can do is asked of llama.cpp. Attention over everything can be cut back to any prefix. A sliding
window has lost what lies before it. Recurrent state knows only the whole sequence.
"""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.library import lib
from lsrv.engine.llama.model import Model

State = npt.NDArray[np.uint8]  # (n_bytes,): one sequence as llama_state_seq_get_data writes it

_UINT8_P = ctypes.POINTER(ctypes.c_uint8)


class Memory:
    """llama_memory_t and the states of single sequences. Every method belongs to the engine thread."""

    def __init__(self, context: int, model: Model, *, is_shared: bool, is_shifting: bool = False) -> None:
        self._context = context
        self._memory = lib.llama_get_memory(context)
        self._n_swa = model.n_swa
        self._is_whole_only = model.has_recurrent_state
        # Separate streams copy data, not cells, and only whole ones (llama_kv_cache::seq_cp). In a window, a cell of
        # two sequences is never used again (find_slot), until no cell is left for a decode that should have fitted.
        # A shift moves a cell for all sequences that share it (seq_add): others would see it elsewhere.
        self.is_shared = is_shared
        self.shares_cells = is_shared and self._n_swa == 0 and not is_shifting

    @property
    def keeps_all_prefixes(self) -> bool:
        """Whether a sequence can always be cut back to any of its prefixes."""
        return self._n_swa == 0 and not self._is_whole_only

    def empty(self) -> None:
        """Forget every sequence; their values stay in the cells, unseen. Source: llama_memory_clear."""
        if self._memory:  # an encoder has none
            lib.llama_memory_clear(self._memory, False)

    def clear(self) -> None:
        """Forget every sequence and write zeros over all cells, which takes a second for some gigabytes."""
        if self._memory:
            lib.llama_memory_clear(self._memory, True)

    def shortest_prefix(self, seq_id: int, n_tokens: int) -> int:
        """The fewest leading tokens that a sequence of `n_tokens` can be cut back to, other than none."""
        return n_tokens if self._is_whole_only else self._window_start(seq_id)

    def keep_prefix(self, seq_id: int, n_keep: int) -> int:
        """Drop all cells of `seq_id` from position `n_keep` on; returns how many leading tokens really remain.

        Less than asked where the memory can't be cut back so: then nothing remains. Source: llama_memory_seq_rm.
        """
        if n_keep >= max(1, self._window_start(seq_id)) and lib.llama_memory_seq_rm(self._memory, seq_id, n_keep, -1):
            return n_keep
        lib.llama_memory_seq_rm(self._memory, seq_id, -1, -1)
        return 0

    @property
    def can_shift(self) -> bool:
        """Whether cells can be moved to other positions. Source: llama_memory_can_shift."""
        return bool(self._memory) and bool(lib.llama_memory_can_shift(self._memory))

    def shift(self, seq_id: int, n_keep: int, n_drop: int) -> None:
        """Drop `n_drop` cells from position `n_keep` on, and move up what follows. Needs `can_shift`.

        The next decode turns the moved keys. Source: llama_memory_seq_rm, llama_memory_seq_add.
        """
        lib.llama_memory_seq_rm(self._memory, seq_id, n_keep, n_keep + n_drop)
        lib.llama_memory_seq_add(self._memory, seq_id, n_keep + n_drop, -1, -n_drop)

    def share_prefix(self, source: int, target: int, n_keep: int) -> int:
        """Let `target` hold the first `n_keep` tokens of `source` and nothing else; returns how many it really holds.

        Needs `shares_cells`. Copies no data. Source: llama_memory_seq_cp.
        """
        lib.llama_memory_seq_rm(self._memory, target, -1, -1)
        lib.llama_memory_seq_cp(self._memory, source, target, 0, n_keep)
        return self.keep_prefix(target, n_keep)

    def read_state(self, seq_id: int) -> State:
        """A copy of all that the memory holds of a sequence; empty where llama.cpp can't tell."""
        state = np.empty(self.state_bytes(seq_id), np.uint8)
        return state if self.read_state_into(state, seq_id) else state[:0]

    def read_state_into(self, state: State, seq_id: int) -> bool:
        """The same, in `state_bytes` of the caller's memory; whether it is there. Source: llama_state_seq_get_data."""
        n_read: int = lib.llama_state_seq_get_data(self._context, _pointer(state), len(state), seq_id)
        return n_read == len(state)

    def state_bytes(self, seq_id: int) -> int:
        """The size of what `read_state` would return. Source: llama_state_seq_get_size."""
        return lib.llama_state_seq_get_size(self._context, seq_id)

    def write_state(self, seq_id: int, state: State, n_keep: int) -> int:
        """Let `seq_id` hold the first `n_keep` tokens of a state; returns how many it really holds, `n_keep` or none.

        Source: llama_state_seq_set_data, which leaves nothing behind where it fails.
        """
        lib.llama_memory_seq_rm(self._memory, seq_id, -1, -1)
        n_written: int = lib.llama_state_seq_set_data(self._context, _pointer(state), len(state), seq_id)
        return self.keep_prefix(seq_id, n_keep if n_written else 0)

    def _window_start(self, seq_id: int) -> int:
        """The first position whose whole attention window is still there."""
        if self._n_swa == 0:
            return 0
        pos_min: int = lib.llama_memory_seq_pos_min(self._memory, seq_id)
        # Position p sees p - n_swa + 1 and later (llama_hparams::is_masked_swa).
        return pos_min + self._n_swa - 1 if pos_min > 0 else 0


def _pointer(state: State) -> ctypes.Array[ctypes.c_uint8]:
    return state.ctypes.data_as(_UINT8_P)  # pyright: ignore[reportReturnType] - a pointer; ctypes has no word for both

"""Texts as tokens that spell them, for llguidance. Knows no grammar.

llama_tokenize finds user-defined tokens (Qwen's "</tool_call>") in any text, also where it is told to find no special
ones. A grammar that forces such a text ("const" of a schema) takes these for no text, and could go no further.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence

from lsrv.engine.llama.library import lib

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.POINTER(ctypes.c_int32),
    ctypes.c_int32,
    ctypes.c_bool,
    ctypes.c_bool,
)


class SpelledOut:
    """Stands in the place of llama_tokenize. Must outlive whoever was given its `pointer`."""

    def __init__(self, handle: int, names: Sequence[bytes], pieces: Sequence[bytes]) -> None:
        """names: of the tokens that are never to be found. pieces: the bytes of each token."""
        self._handle = handle
        self._name = re.compile(b"|".join(map(re.escape, names)))
        self._of_pieces = {piece: token for token, piece in enumerate(pieces) if piece and piece not in names}
        self._n_longest = max(map(len, self._of_pieces), default=1)
        self._callback = _Callback(self._tokenize)

    @property
    def pointer(self) -> int | None:
        """The address of a function that is called as llama_tokenize is."""
        return ctypes.cast(self._callback, ctypes.c_void_p).value

    def _tokenize(
        self, _: int, text: int, n_bytes: int, out: ctypes.Array[ctypes.c_int32], n_max: int, *__: bool
    ) -> int:
        raw = ctypes.string_at(text, n_bytes)
        found = self._name.search(raw)
        n_head = n_bytes if found is None else found.start()
        n: int = lib.llama_tokenize(self._handle, raw[:n_head], n_head, out, n_max, False, False)
        rest = self.tokens(raw[n_head:])
        n_all = abs(n) + len(rest)
        if n < 0 or n_all > n_max:
            return -n_all
        for at, token in enumerate(rest, n):
            out[at] = token
        return n_all

    def tokens(self, raw: bytes) -> list[int]:
        """`raw` in the longest pieces that fit, from its beginning on."""
        tokens: list[int] = []
        start = 0
        while start < len(raw):
            ends = range(min(len(raw), start + self._n_longest), start, -1)
            end = next((end for end in ends if raw[start:end] in self._of_pieces), None)
            if end is None:
                break  # a vocabulary without this byte: no grammar can hold it either
            tokens.append(self._of_pieces[raw[start:end]])
            start = end
        return tokens

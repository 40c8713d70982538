"""A vocabulary as llguidance wants it: all pieces in one trie. Knows no grammar."""

from __future__ import annotations

from llguidance import LLTokenizer
from llguidance.llamacpp import lltokenizer_from_vocab

from lsrv.engine.llama.vocab import Vocab


def token_trie(vocab: Vocab) -> LLTokenizer:
    """The trie of `vocab`, whose end-of-generation tokens all end a grammar. Takes 0.7 s and 44 MB for 150k tokens."""
    eog_ids: list[int] = vocab.eog_ids.tolist()
    return lltokenizer_from_vocab(vocab.handle, eos_token=eog_ids or None)  # pyright: ignore[reportArgumentType]

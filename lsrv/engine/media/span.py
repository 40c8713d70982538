"""A stretch of a prompt that is no text: embeddings in the place of tokens. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.vocab import Tokens

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class MediaSpan:
    """What a projector made of one picture or sound, or of a part of it.

    `ids` stand for it among a prompt's tokens: negative numbers that its contents choose, so that whoever compares
    prompts sees the same picture as the same tokens, and different ones as different.
    """

    start: int  # place of its first embedding among the prompt's tokens
    ids: Tokens  # int32 (n_tokens,)
    embeddings: Floats  # float32 (n_tokens, n_embd_inp)
    n_pos: int  # positions that it takes: fewer than tokens in two dimensions (M-RoPE)
    positions: Positions | None = None  # int32 (4, n_tokens), from its own first one on; None: one after another
    is_causal: bool = True  # False: its tokens see each other, so that it is decoded in one piece

    @property
    def n_tokens(self) -> int:
        return len(self.ids)

    @property
    def end(self) -> int:
        return self.start + len(self.ids)

    def at(self, start: int) -> MediaSpan:
        """The same in another place."""
        return replace(self, start=start)


class MediaSpans:
    """All that one prompt has, in order. Tokens are counted as they stand in the prompt."""

    def __init__(self, spans: tuple[MediaSpan, ...] = ()) -> None:
        self._spans = spans

    def __bool__(self) -> bool:
        return bool(self._spans)

    @property
    def n_shareable(self) -> int | None:
        """How many leading tokens have cells that others can use; None: all.

        A place in two dimensions takes fewer positions than cells, and memory is cut by positions.
        """
        return next((span.start for span in self._spans if span.positions is not None), None)

    def position(self, n_tokens: int) -> int:
        """The position behind `n_tokens` tokens, none of a span in part unless they go one after another."""
        return n_tokens - sum(span.n_tokens - span.n_pos for span in self._spans if span.end <= n_tokens)

    def at(self, index: int) -> MediaSpan | None:
        """The one that token belongs to."""
        return next((span for span in self._spans if span.start <= index < span.end), None)

    def n_text(self, index: int, end: int) -> int:
        """How many tokens from `index` on are text, up to `end`."""
        return min([end, *(span.start for span in self._spans if span.start >= index)]) - index

    def whole(self, n_tokens: int) -> int:
        """`n_tokens`, or fewer where that would cut what can't be decoded in parts."""
        span = self.at(n_tokens)
        return n_tokens if span is None or span.is_causal else span.start


NO_MEDIA = MediaSpans()


def ids_of(digest: bytes, n_tokens: int) -> Tokens:
    """Negative int32 (n_tokens,) that `digest` chooses."""
    made = hashlib.shake_256(digest).digest(4 * n_tokens)
    return -1 - (np.frombuffer(made, np.int32) & np.int32(0x7FFFFFFF))

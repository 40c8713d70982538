"""A grammar tried where it can do no harm: compiled, and followed for a few bytes. Only for a child process."""

from __future__ import annotations

import threading
import time
from functools import cache

from llguidance import LLMatcher, LLTokenizer

from lsrv.engine.grammar.matcher import matcher_of
from lsrv.engine.grammar.refusal import refusal

_N_STEPS = 24
_STRIDE = 7  # so that the bytes which are tried differ from step to step
_MAX_FOLLOW_S = 0.1  # for all steps: usual ones take a fiftieth of that, and every stream waits for each
_STACK_BYTES = 2 * 1024 * 1024  # a quarter of what the engine's thread has


def tried(source: str, param: str) -> None:
    """Survive a matcher of `source`. Raises GrammarError; may as well end the process."""
    follower = _Follower([matcher_of(_bytes(), source, param)])
    before = threading.stack_size(_STACK_BYTES)
    follower.start()
    threading.stack_size(before)
    follower.join()
    if follower.took_s > _MAX_FOLLOW_S:
        raise refusal(param, "it takes too long to see what may come next; simplify it")


class _Follower(threading.Thread):
    """Follows a matcher and frees it, as the engine's thread will."""

    def __init__(self, matchers: list[LLMatcher]) -> None:
        super().__init__()
        self._matchers = matchers
        self.took_s = 0.0  # of processor time

    def run(self) -> None:
        matcher = self._matchers.pop()
        for step in range(_N_STEPS):
            bits = matcher.compute_bitmask()
            allowed = [i for i, byte in enumerate(bits) if byte]
            matcher.compute_ff_tokens()
            if matcher.is_error() or matcher.is_stopped() or not allowed:
                break
            matcher.consume_token(_token(bits, allowed[step * _STRIDE % len(allowed)]))
        self.took_s = time.thread_time()


def _token(bits: bytes, index: int) -> int:
    """The lowest token in byte `index` of a bit mask."""
    byte = bits[index]
    return index * 8 + (byte & -byte).bit_length() - 1


@cache
def _bytes() -> LLTokenizer:
    """A vocabulary of single bytes: what a grammar's own size costs shows with any."""
    return LLTokenizer("byte")

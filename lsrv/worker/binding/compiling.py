"""Grammars on their way to matchers: tried by a child first, compiled here only if it survived.

The last ones are kept, refused ones too. Requests with the same grammar share one.
"""

from __future__ import annotations

import functools
import hashlib
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec
from llguidance import LLMatcher, LLTokenizer

from lsrv.engine.grammar.matcher import matcher_of
from lsrv.engine.llama.token_trie import token_trie
from lsrv.engine.llama.vocab import Vocab
from lsrv.errors import CapacityError, LsrvError
from lsrv.worker.beside import Beside
from lsrv.worker.errands.errand import Compile
from lsrv.worker.errands.errands import Errands
from lsrv.worker.errands.lane import Job
from lsrv.worker.pending import result_of

_MAX_KEPT = 32

_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True, eq=False)
class _Wanted:
    """A grammar and how many wait for it."""

    param: str
    trial: Job
    n_waiting: int = 0
    matcher: Future[LLMatcher] = field(default_factory=Future[LLMatcher])


class Compiling:
    """Belongs to the engine thread."""

    def __init__(self, vocab: Vocab, errands: Errands, beside: Beside) -> None:
        self._vocab = vocab
        self._errands = errands
        self._beside = beside
        self._trie: LLTokenizer | None = None
        self._trie_lock = threading.Lock()
        self._known: OrderedDict[bytes, _Wanted] = OrderedDict()

    async def matcher(self, errand: Compile) -> LLMatcher:
        """A matcher at the start of what `errand` compiles, to be used by one sequence. Raises GrammarError."""
        key = hashlib.sha256(_encode(errand)).digest()
        wanted = self._known.get(key) or self._start(key, errand)
        self._known.move_to_end(key)
        wanted.n_waiting += 1
        try:
            return (await result_of(wanted.matcher, is_shared=True)).deep_copy()
        except CapacityError:
            self._known.pop(key, None)  # says nothing about the grammar
            raise
        finally:
            wanted.n_waiting -= 1
            if not wanted.n_waiting and not wanted.matcher.done():
                wanted.trial.text.cancel()
                self._known.pop(key, None)

    def _start(self, key: bytes, errand: Compile) -> _Wanted:
        wanted = self._known[key] = _Wanted(errand.param, self._errands.add(errand, time.monotonic()))
        wanted.trial.text.add_done_callback(lambda _: self._compile(wanted))
        if len(self._known) > _MAX_KEPT:
            self._drop_oldest()
        return wanted

    def _drop_oldest(self) -> None:
        done = (key for key, wanted in self._known.items() if wanted.matcher.done())
        oldest = next(done, None)
        if oldest is not None:
            del self._known[oldest]

    def _compile(self, wanted: _Wanted) -> None:
        """The child is through with it."""
        trial = wanted.trial
        if trial.text.cancelled():
            return
        error = trial.text.exception()
        if error is not None:
            wanted.matcher.set_exception(error)
            return
        work = functools.partial(self._make, trial.text.result(), wanted)
        self._beside.start(work, is_long=trial.is_slow)

    def _make(self, source: str, wanted: _Wanted) -> None:
        """Any thread with a large stack."""
        try:
            wanted.matcher.set_result(matcher_of(self._get_trie(), source, wanted.param))
        except LsrvError as error:
            wanted.matcher.set_exception(error)

    def _get_trie(self) -> LLTokenizer:
        """Built for the first grammar: most models never see one."""
        with self._trie_lock:
            self._trie = self._trie or token_trie(self._vocab)
            return self._trie

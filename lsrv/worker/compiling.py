"""Sequences that wait for their grammar: it is compiled beside the engine's thread, which decodes on."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from llguidance import LLMatcher

from lsrv.engine.grammar.constraint import Constraint, Reasoning
from lsrv.engine.grammar.grammar import Grammars
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.sequence import Sequence
from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar


@dataclass(frozen=True, slots=True)
class _Waiting:
    sequence: Sequence
    reasoning: Reasoning | None
    matcher: Future[LLMatcher]


class Compiling:
    """Belongs to the engine thread."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._grammars = Grammars(vocab)
        self._waiting: dict[int, _Waiting] = {}

    @property
    def has_work(self) -> bool:
        return bool(self._waiting)

    def add(self, sequence: Sequence, grammar: Grammar, reasoning: Reasoning | None) -> None:
        """Constrain `sequence` by `grammar` once that is compiled."""
        self._waiting[sequence.request_id] = _Waiting(sequence, reasoning, self._grammars.compile(grammar))

    def take_ready(self) -> list[tuple[Sequence, GrammarError | None]]:
        """Sequences that have their constraint now, or never will."""
        ready = [waiting for waiting in self._waiting.values() if waiting.matcher.done()]
        return [(self._take(waiting).sequence, self._constrain(waiting)) for waiting in ready]

    def abort(self, request_id: int) -> Sequence | None:
        """Forget a sequence; None if there is none of that id."""
        waiting = self._waiting.pop(request_id, None)
        if waiting is None:
            return None
        waiting.matcher.cancel()
        return waiting.sequence

    def close(self) -> None:
        """The last call; waits for what is being compiled."""
        self._grammars.close()

    def _take(self, waiting: _Waiting) -> _Waiting:
        return self._waiting.pop(waiting.sequence.request_id)

    def _constrain(self, waiting: _Waiting) -> GrammarError | None:
        try:
            matcher = waiting.matcher.result()
        except GrammarError as error:
            return error
        waiting.sequence.constraint = Constraint(matcher, self._vocab, waiting.reasoning)
        return None

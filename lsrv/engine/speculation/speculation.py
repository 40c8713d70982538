"""Which sequences get guesses in a step, and how many: asks a source of guesses, learns from how they fared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lsrv.engine.cost import StepCost
from lsrv.engine.sequence import Sequence
from lsrv.engine.speculation.guessers import Guesser
from lsrv.engine.speculation.length import Caution, GuessWish, Price, plan_guesses
from lsrv.engine.speculation.record import GuessRecord

_NEWEST = 0.2  # share of the newest measurement in a mean
_PREDICTED_FIRST, _PREDICTED_NEXT = 0.7, 0.95  # chances of what a request predicts: it says that it is mostly right


@dataclass(frozen=True, slots=True)
class _Watched:
    """A guess that was not worth verifying. What the sequence then writes tells whether it would have been right."""

    n_generated: int  # when it was made
    token: int


@dataclass(slots=True)
class _Step:
    """What the last step was to do, and did."""

    n_streams: int
    n_plain: int  # tokens of its batch without guesses
    n_guesses: int = 0
    guess_s: float = 0.0  # what it took to make them, or to find none
    n_right: int = 0


class Speculation:
    """Guesses for the sequences of one engine. Belongs to the engine thread."""

    def __init__(
        self,
        guesser: Guesser,
        n_max: int,
        n_max_step: int,
        n_ctx_seq: int,
        experience: GuessRecord | None = None,
        *,
        is_for_all: bool = True,
    ) -> None:
        """`n_max`: guesses for one sequence in a step; `n_max_step`: for all together.

        `is_for_all`: whether there may be guesses for sequences without a prediction.

        `experience`: how guesses of all sequences fared so far, which a new one begins with; None knows of none.
        """
        self._n_ctx_seq = n_ctx_seq
        self._is_for_all = is_for_all
        self._guesser = guesser
        self._n_max = n_max
        self._n_max_step = n_max_step
        self._records: dict[Sequence, GuessRecord] = {}
        self._all = GuessRecord.fresh(guesser.first_chance) if experience is None else experience
        self._watched: dict[Sequence, _Watched] = {}
        self._caution = Caution()
        self._last: _Step | None = None
        self._guess_s = 0.0  # what one guess takes to be made

    def may_guess(self, sequences: Iterable[Sequence]) -> bool:
        """Whether it is worth asking for guesses. Cheap: asked in every step."""
        return self._is_for_all or any(each.prediction for each in sequences)

    def guess(self, sequences: Iterable[Sequence], n_step: int, n_room: int, cost: StepCost) -> None:
        """Set `guesses` of the sequences that a step of `n_step` tokens decodes, with room for `n_room` more."""
        streams = list(sequences)
        self._settle(cost)
        self._last = _Step(len(streams), n_step)
        guessable = [each for each in streams if self._may_guess(each)]
        if not guessable:
            return
        n_each = plan_guesses(
            [self._wish(each) for each in guessable],
            len(streams),
            n_step,
            min(self._n_max_step, n_room),
            Price(cost.calm_seconds, self._guess_s),
            self._caution.needed,
        )
        wanted = {sequence: n for sequence, n in zip(guessable, n_each, strict=True) if n}
        for sequence in guessable:
            if sequence not in wanted:
                self._pass(sequence)
        if wanted:
            self._make(wanted, self._last)

    def verified(self, sequence: Sequence, n_right: int) -> None:
        """`n_right` of a sequence's guesses were what it wrote."""
        self._learn(sequence, len(sequence.guesses), n_right)
        assert self._last is not None
        self._last.n_right += n_right

    def forget(self, sequence: Sequence) -> None:
        """Forget a sequence that has ended."""
        self._records.pop(sequence, None)
        self._watched.pop(sequence, None)
        self._guesser.forget(sequence)

    def clear(self) -> None:
        """All sequences have ended, and their cells are gone."""
        self._records.clear()
        self._watched.clear()
        self._guesser.clear()
        self._last = None

    def _settle(self, cost: StepCost) -> None:
        """Learn from what the last step took, and what it wrote."""
        last = self._last
        if last is None or not last.guess_s:
            self._caution.learn(0.0, has_guesses=False)
            return
        plain_s = cost.calm_seconds(last.n_plain)
        taken_s = cost.calm_seconds(last.n_plain + last.n_guesses) + last.guess_s
        n_written = 1 + last.n_right / last.n_streams
        self._caution.learn(n_written - taken_s / plain_s, has_guesses=last.n_guesses > 0)

    def _may_guess(self, sequence: Sequence) -> bool:
        """Whether there is a guess for a sequence. Learns from the one that was watched."""
        if sequence.media:  # what it saw has no tokens that could come again
            return False
        watched = self._watched.pop(sequence, None)
        if watched is not None and len(sequence.generated) > watched.n_generated:
            self._learn(sequence, 1, int(sequence.generated[watched.n_generated] == watched.token))
        has_guess = self._guesser.has_guess(sequence)
        if not has_guess:
            self._record(sequence).is_in_run = False
        return has_guess

    def _wish(self, sequence: Sequence) -> GuessWish:
        # The last token of an answer follows from the one before it: there is nothing to guess behind it.
        n_max = min(self._n_max, sequence.n_max_tokens - len(sequence.generated) - 1)
        n_max = min(n_max, self._n_ctx_seq - sequence.n_past - sequence.n_unread)
        record = self._record(sequence)
        return GuessWish(record.chance, record.next.value, n_max)

    def _pass(self, sequence: Sequence) -> None:
        """A guess is not worth verifying now; it may be, once guesses of this text are known to be right."""
        if self._guesser.is_free:
            token = self._guesser.guess({sequence: 1})[sequence][0]
            self._watched[sequence] = _Watched(len(sequence.generated), token)
        else:
            self._record(sequence).passed()

    def _make(self, wanted: Mapping[Sequence, int], step: _Step) -> None:
        """Let sequences have their guesses in a step."""
        started = time.perf_counter()
        guesses = self._guesser.guess(wanted)
        step.guess_s = time.perf_counter() - started
        n_longest = max([1, *map(len, guesses.values())])  # those of several sequences are made together
        each_s = step.guess_s / n_longest
        self._guess_s += (_NEWEST if self._guess_s else 1.0) * (each_s - self._guess_s)
        for sequence, tokens in guesses.items():
            sequence.guesses = sequence.constraint.possible(tokens) if sequence.constraint else tokens
            step.n_guesses += len(sequence.guesses)
            if not sequence.guesses:
                self._learn(sequence, 1, 0)  # nothing likely, or nothing possible: as good as wrong

    def _learn(self, sequence: Sequence, n_guessed: int, n_right: int) -> None:
        record = self._record(sequence)
        if not sequence.prediction:
            self._all.is_in_run = record.is_in_run
            self._all.learn(n_guessed, n_right)
        record.learn(n_guessed, n_right)

    def _record(self, sequence: Sequence) -> GuessRecord:
        record = self._records.get(sequence)
        if record is None:
            first, following = self._all.first.value, self._all.next.value
            if sequence.prediction:
                first, following = _PREDICTED_FIRST, _PREDICTED_NEXT
            record = self._records[sequence] = GuessRecord.fresh(first, following)
        return record

"""From logits to the tokens and the text of one sequence: constrain, sample, assemble, see where it ends."""

from __future__ import annotations

from lsrv.engine.llama.candidates import FloatRow, TokenCandidates
from lsrv.engine.llama.context import FloatRows
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.logprobs import prompt_logprob, token_logprob
from lsrv.engine.sequence import Output, Sequence
from lsrv.errors import GrammarError
from lsrv.protocol.events import FinishReason, PromptLogprob, TokenLogprob

_NEG_INF = float("-inf")


class Writer:
    """Appends tokens to sequences. Belongs to the engine thread."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._candidates = TokenCandidates(vocab.n_tokens)
        self._has_suppressed = bool(len(vocab.suppressed_ids))

    def force_first(self, sequence: Sequence, n_max: int) -> None:
        """Append what a constraint forces before anything is sampled: it is read together with the prompt.

        All but the last of such tokens: there is always one to sample. Sets the sequence's `finish_reason` and `error`
        if the constraint can't be followed.
        """
        try:
            self._append_forced(sequence, n_max, is_leaving_one=True)
        except GrammarError as error:
            _fail(sequence, error)

    def write(self, sequence: Sequence, logits: FloatRow, n_max_forced: int) -> Output:
        """Append the token that `logits`, float32 (n_vocab,), choose, and those that a constraint forces after it.

        Changes `logits`. Sets the sequence's `finish_reason` where it ends, and `error` if it can't go on. One that is
        only to be read ends without a token.
        """
        if not sequence.n_max_tokens:
            sequence.finish_reason = "length"
            return Output(sequence, "", _take_logprobs(sequence))
        try:
            token, logprob = self._choose(sequence, logits)
            sequence.generated.append(token)
            if self._vocab.is_eog(token) or token in sequence.stop_tokens:
                return self._ended(sequence)
            self._append_forced(sequence, n_max_forced)
        except GrammarError as error:
            return _fail(sequence, error)
        return self._text(sequence, logprob)

    def score(self, sequence: Sequence, logits: FloatRows) -> list[PromptLogprob]:
        """The scores of the next tokens of a prompt, of which each row of `logits`, (n, n_vocab), tells one."""
        scores = sequence.scores
        if scores is None or not sequence.is_being_scored:
            return []
        prompt = sequence.prompt
        first = int(prompt[0])
        told = [] if scores.n_told else [PromptLogprob(first, self._vocab.special_piece(first))]
        n_behind = max(1, scores.n_told)
        told += [
            prompt_logprob(row, int(token), scores.n_top, self._vocab)
            for token, row in zip(prompt[n_behind : n_behind + len(logits)], logits, strict=True)
        ]
        scores.n_told += len(told)
        return told

    def _choose(self, sequence: Sequence, logits: FloatRow) -> tuple[int, TokenLogprob | None]:
        """The next token, and its logprob where it is wanted: as the model saw it, before any constraint."""
        raw = logits if sequence.n_top_logprobs is None else logits.copy()
        if self._has_suppressed:
            logits[self._vocab.suppressed_ids] = _NEG_INF
        if sequence.is_ignoring_eos:
            logits[self._vocab.eog_ids] = _NEG_INF
        token = self._closing(sequence)
        if token is None:
            token = self._drawn(sequence, logits)
        if sequence.n_top_logprobs is None:
            return token, None
        return token, token_logprob(raw, token, sequence.n_top_logprobs, self._vocab)

    def _drawn(self, sequence: Sequence, logits: FloatRow) -> int:
        """A token that the sampler chooses, and the constraint allows; both have gone on past it.

        The first draw is of all tokens, for to see whether a constraint admits one token is far cheaper than to see
        which of all it does. Only if it refuses, the others are ruled out, and a second draw decides. That is no other
        distribution: be p(t) the chance of a token t, and a that of all admitted ones together. An admitted t is drawn
        at once with p(t), or after a refusal with (1 - a) * p(t) / a: together p(t) / a, as if all others had been
        ruled out before. (Samplers that cut off unlikely tokens see all in the first draw, and the admitted ones in
        the second, as in llama.cpp's own server.)
        """
        constraint, sampler = sequence.constraint, sequence.sampler
        if sampler is not None:
            sampler.bias(logits)
        token = self._draw(sequence, logits)
        if constraint is not None and not constraint.admits(token):
            constraint.mask(logits)
            token = self._draw(sequence, logits)
            if not self._vocab.is_eog(token):
                constraint.accept(token)
        if sampler is not None:
            sampler.accept(token)
        return token

    def _draw(self, sequence: Sequence, logits: FloatRow) -> int:
        sampler = sequence.sampler
        token = int(logits.argmax()) if sampler is None else sampler.draw(logits, self._candidates)
        if logits[token] == _NEG_INF:
            raise GrammarError("no token is left to go on with: logit_bias or ignore_eos bars all that could follow")
        return token

    def _closing(self, sequence: Sequence) -> int | None:
        """The next token of those that end a thought by force; None while thoughts may go on."""
        limit, constraint = sequence.thought_limit, sequence.constraint
        if limit is None:
            return None
        token = limit.next_closing(lambda tokens: constraint is None or constraint.possible(tokens) == tokens)
        if token is None:
            return None
        if constraint is not None:
            constraint.accept(token)
        if sequence.sampler is not None:
            sequence.sampler.accept(token)
        return token

    def _append_forced(self, sequence: Sequence, n_max: int, *, is_leaving_one: bool = False) -> None:
        if sequence.constraint is None or sequence.n_top_logprobs is not None or sequence.is_being_scored:
            return  # a token without logits has no logprob that could be told; a scored prompt is read by itself
        if sequence.thought_limit is not None and sequence.thought_limit.is_closing:
            return
        n_max = min(n_max, sequence.n_max_tokens - len(sequence.generated) - is_leaving_one)
        tokens = sequence.constraint.take_forced(n_max, is_leaving_one=is_leaving_one)
        sequence.generated += tokens
        if sequence.sampler is not None:
            for token in tokens:
                sequence.sampler.accept(token)

    def _ended(self, sequence: Sequence) -> Output:
        """The model said that this is all, or what the client said would be the end."""
        token = sequence.generated[-1]
        sequence.stopped_by = sequence.stop_tokens.get(token)
        is_visible = token in sequence.visible and sequence.stopped_by is None
        text = self._unwritten_text(sequence, len(sequence.generated) - (not is_visible))
        sequence.finish_reason = "stop"
        return Output(sequence, text + sequence.text.flush(), _take_logprobs(sequence))

    def _text(self, sequence: Sequence, logprob: TokenLogprob | None) -> Output:
        if logprob is not None:
            sequence.unsent_logprobs.append((sequence.text.n_read, logprob))
        text = self._unwritten_text(sequence, len(sequence.generated))
        sequence.finish_reason = self._end_of(sequence)
        if sequence.finish_reason is not None and sequence.text.stop_string is None:
            text += sequence.text.flush()
        if sequence.text.stop_string is not None:
            sequence.finish_reason = "stop"
            del sequence.generated[sequence.n_written :]  # forced, and never sent
        return Output(sequence, text, _take_logprobs(sequence))

    def _unwritten_text(self, sequence: Sequence, end: int) -> str:
        """The text of generated tokens up to `end` that was not sent yet; stops where a stop string does."""
        text = ""
        while sequence.n_written < end and sequence.text.stop_string is None:
            token = sequence.generated[sequence.n_written]
            is_visible = bool(sequence.visible) and token in sequence.visible
            piece = self._vocab.special_piece(token) if is_visible else self._vocab.piece(token)
            if sequence.thought_limit is not None:
                sequence.thought_limit.saw(piece)
            text += sequence.text.push(piece)
            sequence.n_written += 1
        if sequence.max_decode_s is not None and "\n" in text:
            sequence.has_line = True
        return text

    def _end_of(self, sequence: Sequence) -> FinishReason | None:
        if sequence.constraint is not None and sequence.constraint.is_complete:
            return "stop"
        return "length" if len(sequence.generated) >= sequence.n_max_tokens or _is_out_of_time(sequence) else None


def _is_out_of_time(sequence: Sequence) -> bool:
    if sequence.max_decode_s is None or not sequence.has_line:
        return False
    return sequence.last_token_at - sequence.first_token_at > sequence.max_decode_s


def _take_logprobs(sequence: Sequence) -> list[TokenLogprob] | None:
    """Logprobs of tokens whose text has begun to go out: what a stop string cuts off has none. None: not asked."""
    if sequence.n_top_logprobs is None:
        return None
    unsent, n_returned = sequence.unsent_logprobs, sequence.text.n_returned
    is_all = sequence.finish_reason is not None and sequence.text.stop_string is None
    n = len(unsent) if is_all else sum(begin < n_returned for begin, _ in unsent)
    taken = [logprob for _, logprob in unsent[:n]]
    del unsent[:n]
    return taken


def _fail(sequence: Sequence, error: GrammarError) -> Output:
    sequence.error = error
    sequence.finish_reason = "abort"
    return Output(sequence, "")

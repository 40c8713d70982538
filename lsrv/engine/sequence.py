"""One token stream and its state: prompt, what was generated, how far it is. Decides nothing."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lsrv.engine.adapters import NO_ADAPTERS, AdapterSet
from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.media.span import NO_MEDIA, MediaSpans
from lsrv.engine.scoring import PromptScores
from lsrv.engine.thoughts import ThoughtLimit
from lsrv.errors import LsrvError
from lsrv.priority import due_s
from lsrv.protocol.events import FinishReason, PromptLogprob, TokenLogprob

_NONE: Tokens = np.empty(0, np.int32)


class SequenceState(enum.Enum):
    WAITING = enum.auto()
    PREFILL = enum.auto()
    DECODE = enum.auto()
    FINISHED = enum.auto()


@dataclass(slots=True, eq=False)
class Sequence:
    """A request inside the engine. Times are seconds of the engine's clock."""

    request_id: int
    prompt: Tokens  # with the ids of pictures and sounds where those stand
    sampler: SamplerChain | None  # None: the likeliest token, always
    text: TextAssembler
    n_max_tokens: int
    submitted_at: float
    priority: int = 0
    call_id: int = 0  # of the request that it is a part of; 0: it is one by itself
    is_copy: bool = False  # whoever comes must not have to wait for its steps
    n_top_logprobs: int | None = None
    scores: PromptScores | None = None  # None: nobody asks how likely its prompt is
    is_ignoring_eos: bool = False
    max_decode_s: float | None = None  # from its first token on, once it has written a line
    stop_tokens: Mapping[int, str] = field(default_factory=dict[int, str])  # that end it, and what they are called
    prediction: list[int] = field(default_factory=list[int])  # tokens that its answer will mostly be
    can_reuse_cache: bool = True
    adapters: AdapterSet = NO_ADAPTERS
    visible: frozenset[int] = frozenset()  # control tokens whose names are part of the text: others have none
    media: MediaSpans = NO_MEDIA
    constraint: Constraint | None = None
    thought_limit: ThoughtLimit | None = None

    state: SequenceState = SequenceState.WAITING
    queued_at: float = 0.0  # when its request had its next turn, for all but the first sequence of one
    beginning: Tokens = field(default_factory=lambda: _NONE)  # what it held when it got its slot
    n_dropped: int = 0  # tokens whose cells a context shift gave up, so that later ones moved up
    seq_id: int = -1
    n_cached: int = 0  # prompt tokens that an earlier request had left in the slot
    n_past: int = 0  # tokens with cells in the KV cache
    generated: list[int] = field(default_factory=list[int])  # sampled, or forced by the constraint
    guesses: list[int] = field(default_factory=list[int])  # tokens that this step verifies
    n_guessed: int = 0  # over all steps
    n_right: int = 0  # of those
    is_guess_predicted: bool = False  # those of this step are out of the prediction
    n_accepted: int = 0  # guesses out of the prediction that were right
    n_rejected: int = 0  # and those that were not
    n_written: int = 0  # generated tokens whose text was sent
    has_line: bool = False  # it has written a line break; known of one whose time is limited
    unsent_logprobs: list[tuple[int, TokenLogprob]] = field(default_factory=list[tuple[int, TokenLogprob]])
    finish_reason: FinishReason | None = None
    stopped_by: str | None = None  # the name of the stop token that ended it
    error: LsrvError | None = None  # why it ended, where it could not go on
    scheduled_at: float = 0.0
    first_token_at: float = 0.0
    last_token_at: float = 0.0

    @property
    def due_s(self) -> float:
        """Whose turn it is: the lowest goes first."""
        return due_s(max(self.submitted_at, self.queued_at), self.priority)

    @property
    def is_being_scored(self) -> bool:
        """Whether somebody waits to hear how likely tokens of its prompt are."""
        return self.scores is not None and not self.scores.is_complete

    @property
    def n_tokens(self) -> int:
        """Prompt and what was generated."""
        return len(self.prompt) + len(self.generated)

    @property
    def n_kept(self) -> int:
        """Tokens that have cells, or need some: all but those that a shift dropped."""
        return self.n_tokens - self.n_dropped

    @property
    def n_unread(self) -> int:
        """Tokens that have no cells yet."""
        return self.n_kept - self.n_past

    @property
    def n_reusable(self) -> int:
        """Leading tokens whose cells others may use, too: none after a shift."""
        n_shareable = self.media.n_shareable
        return 0 if self.n_dropped else self.n_past if n_shareable is None else min(self.n_past, n_shareable)

    @property
    def next_position(self) -> int:
        """llama.cpp's position of the first token that has no cell yet."""
        return self.media.position(self.n_past) if self.media else self.n_past

    def verified(self, n_right: int) -> None:
        """`n_right` of its guesses were what it wrote: they are settled."""
        n_guessed = len(self.guesses)
        self.n_guessed += n_guessed
        self.n_right += n_right
        if self.is_guess_predicted:
            self.n_accepted += n_right
            self.n_rejected += n_guessed - n_right
        self.guesses = []

    def unread(self) -> Tokens:
        """Tokens that have no cells yet: int32 (n_unread,)."""
        return self.tokens(self.n_past + self.n_dropped, self.n_tokens)

    def tokens_in_cache(self) -> Tokens:
        """The tokens whose cells are in memory and can be used again: int32 (n_reusable,)."""
        return self.tokens(0, self.n_reusable)

    def tokens(self, start: int, end: int) -> Tokens:
        """Prompt and generated tokens from position `start` up to `end`: int32 (end - start,)."""
        n_prompt = len(self.prompt)
        if end <= n_prompt:
            return self.prompt[start:end]
        generated = np.array(self.generated[max(0, start - n_prompt) : end - n_prompt], np.int32)
        return generated if start >= n_prompt else np.concatenate([self.prompt[start:], generated])


@dataclass(slots=True)
class Output:
    """What one step produced for one sequence. The last one carries `finish_reason` in its sequence."""

    sequence: Sequence
    text: str
    logprobs: list[TokenLogprob] | None = None
    prompt_logprobs: list[PromptLogprob] = field(default_factory=list[PromptLogprob])

    def followed_by(self, later: Output) -> Output:
        """Both together, of the same sequence."""
        logprobs = self.logprobs if later.logprobs is None else [*(self.logprobs or []), *later.logprobs]
        return Output(self.sequence, self.text + later.text, logprobs, self.prompt_logprobs + later.prompt_logprobs)

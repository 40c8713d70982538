"""One token stream and its state: prompt, what was generated, how far it is. Decides nothing."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np

from lsrv.engine.adapters import NO_ADAPTERS, AdapterSet
from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.llama.vocab import Tokens
from lsrv.protocol.events import FinishReason, TokenLogprob


class SequenceState(enum.Enum):
    WAITING = enum.auto()
    PREFILL = enum.auto()
    DECODE = enum.auto()
    FINISHED = enum.auto()


@dataclass(slots=True, eq=False)
class Sequence:
    """A request inside the engine. Times are seconds of the engine's clock."""

    request_id: int
    prompt: Tokens
    sampler: SamplerChain | None  # None: the likeliest token, always
    text: TextAssembler
    n_max_tokens: int
    submitted_at: float
    n_top_logprobs: int | None = None
    is_ignoring_eos: bool = False
    can_reuse_cache: bool = True
    adapters: AdapterSet = NO_ADAPTERS

    state: SequenceState = SequenceState.WAITING
    seq_id: int = -1
    n_cached: int = 0  # prompt tokens that an earlier request had left in the slot
    n_past: int = 0  # tokens with cells in the KV cache
    generated: list[int] = field(default_factory=list[int])
    finish_reason: FinishReason | None = None
    scheduled_at: float = 0.0
    first_token_at: float = 0.0
    last_token_at: float = 0.0

    def tokens_in_cache(self) -> Tokens:
        """The tokens whose cells are in memory: int32 (n_past,)."""
        return np.concatenate([self.prompt, np.array(self.generated, np.int32)])[: self.n_past]


@dataclass(slots=True)
class Output:
    """What one step produced for one sequence. The last one carries `finish_reason` in its sequence."""

    sequence: Sequence
    text: str
    logprobs: list[TokenLogprob] | None = None

"""What a request says of how its tokens are chosen and where they stop, and what that becomes. Pure."""

from __future__ import annotations

import math
import re
from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv.errors import RequestError
from lsrv.protocol.commands import MAX_REPEAT_PENALTY, MIN_REPEAT_PENALTY, Sampling
from lsrv.serving.request import RANDOM_SEED

MAX_TOP_LOGPROBS = 20
MAX_STOPS = 16
MAX_STOP_BYTES = 256
MAX_LOGIT_BIAS = 1024

_N_TOKENS_MAX = 2**31
_NUMBER = re.compile(r"-?[0-9]{1,18}")

NonNegative = Annotated[float, Meta(ge=0, le=1e9)]  # float32 in llama.cpp
Fraction = Annotated[float, Meta(ge=0, le=1)]
RepeatPenalty = Annotated[float, Meta(ge=MIN_REPEAT_PENALTY, le=MAX_REPEAT_PENALTY)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Count = Annotated[int, Meta(ge=-1, le=2**31 - 1)]  # -1: llama.cpp's "all" or "no limit"
TopLogprobs = Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)]
Bias = Annotated[float, Meta(ge=-100, le=100)]


class SamplingFields(msgspec.Struct, kw_only=True):
    """What a body says of its samplers. None everywhere means: not said."""

    temperature: NonNegative | None = None
    top_k: Count | None = None
    top_p: Fraction | None = None
    min_p: Fraction | None = None
    typical_p: NonNegative | None = None
    top_n_sigma: float | None = None
    xtc_probability: Fraction | None = None
    xtc_threshold: Fraction | None = None
    dynatemp_range: NonNegative | None = None
    dynatemp_exponent: NonNegative | None = None
    repeat_last_n: Count | None = None
    repeat_penalty: RepeatPenalty | None = None
    repetition_penalty: RepeatPenalty | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    dry_multiplier: NonNegative | None = None
    dry_base: NonNegative | None = None
    dry_allowed_length: Count | None = None
    dry_penalty_last_n: Count | None = None
    dry_sequence_breakers: Annotated[list[str], Meta(max_length=64)] | None = None
    mirostat: Annotated[int, Meta(ge=0, le=2)] | None = None
    mirostat_tau: NonNegative | None = None
    mirostat_eta: NonNegative | None = None
    logit_bias: dict[str, Bias | bool] | list[tuple[int | str, Bias | bool]] | None = None  # by token id, or by text
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None


def sampling_of(body: SamplingFields) -> Sampling:
    """The sampler settings `body` asks for."""
    biases = _biases(body.logit_bias)
    return Sampling(
        temperature=body.temperature,
        top_k=body.top_k,
        top_p=body.top_p,
        min_p=body.min_p,
        typical_p=body.typical_p,
        top_n_sigma=body.top_n_sigma,
        xtc_probability=body.xtc_probability,
        xtc_threshold=body.xtc_threshold,
        dynatemp_range=body.dynatemp_range,
        dynatemp_exponent=body.dynatemp_exponent,
        repeat_last_n=body.repeat_last_n,
        repeat_penalty=body.repeat_penalty if body.repeat_penalty is not None else body.repetition_penalty,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        dry_multiplier=body.dry_multiplier,
        dry_base=body.dry_base,
        dry_allowed_length=body.dry_allowed_length,
        dry_penalty_last_n=body.dry_penalty_last_n,
        dry_sequence_breakers=body.dry_sequence_breakers,
        mirostat=body.mirostat,
        mirostat_tau=body.mirostat_tau,
        mirostat_eta=body.mirostat_eta,
        logit_bias=_token_bias(biases),
        text_bias=_text_bias(biases),
        seed=_seed(body.seed),
    )


def stops_of(stop: str | list[str] | None, param: str = "stop") -> list[str]:
    """Raises RequestError above the limits, and for an empty one in a list: it is found everywhere, or never."""
    if not stop:
        return []
    stops = [stop] if isinstance(stop, str) else stop
    if "" in stops:
        raise RequestError(f"{param}[{stops.index('')}] is empty; leave it out.", param=param)
    if len(stops) > MAX_STOPS:
        raise RequestError(f"{param} holds {len(stops)} strings; at most {MAX_STOPS} are allowed.", param=param)
    if any(len(text.encode()) > MAX_STOP_BYTES for text in stops):
        raise RequestError(f"A stop string may have at most {MAX_STOP_BYTES} bytes.", param=param)
    return stops


def token_limit(*limits: int | None, least: int = 1, param: str = "max_tokens") -> int | None:
    """The first limit that was given; -1 is llama.cpp's "until the context is full" (None).

    Raises RequestError for 0 where `least` is 1: an answer of no tokens is a mistake there.
    """
    limit = next((limit for limit in limits if limit is not None), None)
    if limit is not None and -1 < limit < least:
        raise RequestError(f"{param} must be at least {least}.", param=param)
    return None if limit == -1 else limit


def _seed(seed: int | None) -> int | None:
    """llama.cpp's seeds are 32 bits wide, and -1 means random: whatever the entry or the server says."""
    return seed if seed is None or seed == RANDOM_SEED else seed % 2**32


def _biases(given: dict[str, float | bool] | list[tuple[int | str, float | bool]] | None) -> dict[int | str, float]:
    """Biases by token id, or by text. An object's keys are strings in either case: those that are numbers are ids."""
    if isinstance(given, dict):
        given = [(int(key) if _NUMBER.fullmatch(key) else key, value) for key, value in given.items()]
    if len(given or []) > MAX_LOGIT_BIAS:
        raise RequestError(f"logit_bias may name at most {MAX_LOGIT_BIAS} tokens.", param="logit_bias")
    return {key: _bias(value) for key, value in given or []}


def _token_bias(biases: dict[int | str, float]) -> dict[int, float] | None:
    found = {key: value for key, value in biases.items() if isinstance(key, int)}
    if any(not 0 <= token < _N_TOKENS_MAX for token in found):
        raise RequestError("logit_bias has a number that is no token id.", param="logit_bias")
    return found or None


def _text_bias(biases: dict[int | str, float]) -> dict[str, float] | None:
    found = {key: value for key, value in biases.items() if isinstance(key, str)}
    if any(not text or len(text.encode()) > MAX_STOP_BYTES for text in found):
        raise RequestError(f"A text in logit_bias may have 1 to {MAX_STOP_BYTES} bytes.", param="logit_bias")
    return found or None


def _bias(value: float | bool) -> float:
    """llama.cpp's pairs say `false` for "never"."""
    if value is True:
        raise RequestError("logit_bias takes a number or false.", param="logit_bias")
    return -math.inf if value is False else float(value)

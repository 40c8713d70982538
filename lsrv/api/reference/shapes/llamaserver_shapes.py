"""Answers of llama-server's own routes."""

from __future__ import annotations

from typing import TypedDict

from lsrv.api.reference.shapes.openai_shapes import TimingShape


class LlamaText(TypedDict, total=False):
    """A whole answer, or an event of a stream: the last one says `stop`, and how it ended.

    `response_fields` of a request leaves those, by their paths.
    """

    index: int
    content: str
    tokens: list[int]
    id_slot: int
    stop: bool
    tokens_predicted: int
    tokens_evaluated: int
    model: str
    generation_settings: dict[str, object]
    prompt: str
    has_new_line: bool
    truncated: bool
    stop_type: str
    stopping_word: str
    tokens_cached: int
    timings: TimingShape
    completion_probabilities: list[dict[str, object]]
    prompt_progress: dict[str, float]
    warnings: list[str]
    cached: bool


class PieceShape(TypedDict):
    """`piece`: text, or bytes where it is no UTF-8."""

    id: int
    piece: str | list[int]


class TokenList(TypedDict):
    tokens: list[int | PieceShape]


class TextOfTokens(TypedDict):
    content: str


class PromptText(TypedDict):
    prompt: str


class TokenVectors(TypedDict):
    index: int
    embedding: list[list[float]]


class SlotShape(TypedDict):
    id: int
    n_ctx: int
    speculative: bool
    is_processing: bool


class LoraShape(TypedDict):
    """An adapter by its place; `scale` applies where a request chooses none."""

    id: int
    path: str
    scale: float


class SuccessShape(TypedDict):
    success: bool

"""Answers of OpenAI's API: chats, completions, vectors, rankings, tokens; with the fields that are not OpenAI's."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

FinishWord = Literal["stop", "length", "tool_calls", "function_call", "abort"]


class PromptDetailShape(TypedDict):
    cached_tokens: int


class CompletionDetailShape(TypedDict):
    reasoning_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class UsageShape(TypedDict):
    """Counts; rates in tokens per second and times in seconds, under mistral.rs's names."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetailShape
    completion_tokens_details: CompletionDetailShape
    avg_tok_per_sec: float
    avg_prompt_tok_per_sec: float
    avg_compl_tok_per_sec: float
    total_time_sec: float
    total_prompt_time_sec: float
    total_completion_time_sec: float


class TimingShape(TypedDict):
    """llama-server's timings: milliseconds and rates."""

    cache_n: int
    prompt_n: int
    prompt_ms: float
    prompt_per_token_ms: float
    prompt_per_second: float
    predicted_n: int
    predicted_ms: float
    predicted_per_token_ms: float
    predicted_per_second: float
    draft_n: NotRequired[int]
    draft_n_accepted: NotRequired[int]


class FunctionShape(TypedDict):
    name: NotRequired[str]
    arguments: str


class ToolCallShape(TypedDict):
    id: str
    type: Literal["function"]
    function: FunctionShape


class ToolCallPieceShape(TypedDict):
    """The first piece of a call has its id, type and name; all have more of its arguments."""

    index: int
    id: NotRequired[str]
    type: NotRequired[Literal["function"]]
    function: FunctionShape


class ScoreShape(TypedDict):
    token: str
    logprob: float
    bytes: list[int]


class TokenScoreShape(ScoreShape):
    top_logprobs: list[ScoreShape]


class ScoresShape(TypedDict):
    content: list[TokenScoreShape]
    refusal: None


class ChatMessageShape(TypedDict):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    reasoning_content: NotRequired[str]
    tool_calls: NotRequired[list[ToolCallShape]]
    function_call: NotRequired[FunctionShape]


class ChatChoiceShape(TypedDict):
    index: int
    message: ChatMessageShape
    logprobs: ScoresShape | None
    finish_reason: FinishWord
    complaint: NotRequired[str]


class AnswerHead(TypedDict):
    """What all answers of models begin with."""

    id: str
    created: int
    model: str
    service_tier: NotRequired[str]
    warnings: NotRequired[list[str]]
    cached: NotRequired[bool]
    timings: NotRequired[TimingShape]


class ChatCompletion(AnswerHead):
    object: Literal["chat.completion"]
    choices: list[ChatChoiceShape]
    usage: UsageShape
    prompt_logprobs: NotRequired[list[dict[str, object] | None]]


class DeltaShape(TypedDict):
    role: NotRequired[Literal["assistant"]]
    content: NotRequired[str | None]
    reasoning_content: NotRequired[str]
    tool_calls: NotRequired[list[ToolCallPieceShape]]
    function_call: NotRequired[FunctionShape]


class ChunkChoiceShape(TypedDict):
    index: int
    delta: DeltaShape
    logprobs: ScoresShape | None
    finish_reason: FinishWord | None
    complaint: NotRequired[str]


class ChatCompletionChunk(AnswerHead):
    """One server-sent event; `[DONE]` follows the last."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChunkChoiceShape]
    usage: NotRequired[UsageShape | None]


class OldScoresShape(TypedDict):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int]


class TextChoiceShape(TypedDict):
    index: int
    text: str
    logprobs: OldScoresShape | None
    finish_reason: FinishWord | None
    prompt_logprobs: NotRequired[list[dict[str, object] | None]]


class TextCompletion(AnswerHead):
    """Whole, or one server-sent event of a stream."""

    object: Literal["text_completion"]
    choices: list[TextChoiceShape]
    usage: NotRequired[UsageShape | None]


class PromptUsageShape(TypedDict):
    prompt_tokens: int
    total_tokens: int


class VectorShape(TypedDict):
    """`embedding`: numbers, or little-endian float32 in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class VectorList(TypedDict):
    object: Literal["list"]
    data: list[VectorShape]
    model: str
    usage: PromptUsageShape


class DocumentShape(TypedDict):
    text: str


class RankShape(TypedDict):
    index: int
    relevance_score: float
    document: NotRequired[DocumentShape]


class RankList(TypedDict):
    object: Literal["list"]
    model: str
    usage: PromptUsageShape
    results: list[RankShape]


class BareRankShape(TypedDict):
    """TEI's, of a body with `texts`."""

    index: int
    score: float
    text: NotRequired[str]

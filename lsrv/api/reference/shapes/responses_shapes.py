"""Answers of OpenAI's Responses API."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

ItemFields = dict[str, object]
StatusWord = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]


class InputDetailShape(TypedDict):
    cached_tokens: int
    cache_write_tokens: int


class OutputDetailShape(TypedDict):
    reasoning_tokens: int


class ResponseUsageShape(TypedDict):
    input_tokens: int
    input_tokens_details: InputDetailShape
    output_tokens: int
    output_tokens_details: OutputDetailShape
    total_tokens: int


class OutputItemShape(TypedDict):
    """A message, thoughts or a call, by `type`; clients find the fields of each in OpenAI's reference."""

    type: Literal["message", "reasoning", "function_call", "custom_tool_call"]
    id: str
    status: NotRequired[str]
    role: NotRequired[Literal["assistant"]]
    content: NotRequired[list[ItemFields]]
    summary: NotRequired[list[ItemFields]]
    encrypted_content: NotRequired[str]
    call_id: NotRequired[str]
    name: NotRequired[str]
    arguments: NotRequired[str]
    input: NotRequired[str]


class ResponseErrorShape(TypedDict):
    code: str
    message: str


class ResponseShape(TypedDict):
    id: str
    object: Literal["response"]
    created_at: int
    model: str
    status: StatusWord
    error: ResponseErrorShape | None
    incomplete_details: ItemFields | None
    output: list[OutputItemShape]
    usage: ResponseUsageShape | None
    background: bool
    instructions: object
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: ItemFields
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: ItemFields
    safety_identifier: str | None
    service_tier: str | None
    temperature: float | None
    text: ItemFields
    tool_choice: object
    tools: list[ItemFields]
    top_logprobs: int
    top_p: float | None
    truncation: str
    user: str | None
    store: NotRequired[bool]
    conversation: NotRequired[ItemFields | None]
    warnings: NotRequired[list[str]]
    cached: NotRequired[bool]


class ResponseEventShape(TypedDict):
    """One server-sent event, whose name is its `type`; what else it has depends on that."""

    type: str
    sequence_number: int
    response: NotRequired[ResponseShape]
    item: NotRequired[OutputItemShape]
    part: NotRequired[ItemFields]
    item_id: NotRequired[str]
    output_index: NotRequired[int]
    content_index: NotRequired[int]
    summary_index: NotRequired[int]
    delta: NotRequired[str]
    text: NotRequired[str]
    name: NotRequired[str]
    arguments: NotRequired[str]
    input: NotRequired[str]
    logprobs: NotRequired[list[ItemFields]]
    code: NotRequired[str]
    message: NotRequired[str]
    param: NotRequired[str | None]
    error: NotRequired[ItemFields]


class DeletedResponseShape(TypedDict):
    id: str
    object: Literal["response"]
    deleted: bool


class ItemListShape(TypedDict):
    object: Literal["list"]
    data: list[ItemFields]
    first_id: str | None
    last_id: str | None
    has_more: bool


class InputTokenShape(TypedDict):
    object: Literal["response.input_tokens"]
    input_tokens: int

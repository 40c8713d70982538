"""Answers of Anthropic's API."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ThoughtDetailShape(TypedDict):
    thinking_tokens: int


class MessageUsageShape(TypedDict):
    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int
    output_tokens_details: ThoughtDetailShape


class BlockShape(TypedDict):
    """Text, thoughts or a call, by `type`."""

    type: Literal["text", "thinking", "tool_use"]
    text: NotRequired[str]
    thinking: NotRequired[str]
    signature: NotRequired[str]
    id: NotRequired[str]
    name: NotRequired[str]
    input: NotRequired[dict[str, object]]


class MessageStopShape(TypedDict):
    stop_reason: str | None
    stop_sequence: str | None


class MessageShape(MessageStopShape):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[BlockShape]
    usage: MessageUsageShape
    complaint: NotRequired[str]
    warnings: NotRequired[list[str]]
    cached: NotRequired[bool]


class MessageEventShape(TypedDict):
    """One server-sent event, whose name is its `type`."""

    type: Literal[
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
    ]
    message: NotRequired[MessageShape]
    index: NotRequired[int]
    content_block: NotRequired[BlockShape]
    delta: NotRequired[dict[str, object]]
    usage: NotRequired[MessageUsageShape]
    error: NotRequired[dict[str, object]]
    request_id: NotRequired[str]
    complaint: NotRequired[str]
    warnings: NotRequired[list[str]]
    cached: NotRequired[bool]


class TokenCountShape(TypedDict):
    input_tokens: int

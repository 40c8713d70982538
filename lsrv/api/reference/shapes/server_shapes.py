"""Answers about the server and what it has: models, health."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ListedModel(TypedDict):
    """OpenAI's model object, and beyond it what this server knows of an entry, an adapter, a route or `default`."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    status: NotRequired[object]
    endpoint_status: NotRequired[str]
    root: NotRequired[str]
    parent: NotRequired[str]
    aliases: NotRequired[list[str]]
    display_name: NotRequired[str | None]
    description: NotRequired[str | None]
    route: NotRequired[object]
    adapter_generation: NotRequired[int]
    embedding_dimensions: NotRequired[int]
    mode: NotRequired[str]
    capabilities: NotRequired[list[str]]
    context_window: NotRequired[int]
    embedding_dimension: NotRequired[int]
    tools_available: NotRequired[bool]
    mcp_tools_count: NotRequired[int]
    mcp_servers_connected: NotRequired[int]
    meta: NotRequired[dict[str, object]]
    error: NotRequired[dict[str, object]]


class ListedModels(TypedDict):
    """OpenAI's list. Clients that send `anthropic-version` get Anthropic's list."""

    object: NotRequired[Literal["list"]]
    data: list[ListedModel]


class HealthShape(TypedDict):
    status: str


class ReadyShape(TypedDict):
    status: Literal["ready", "loading", "draining"]
    waiting_for: list[str]
    gave_up: dict[str, object]
    models: dict[str, str]


class ChosenDefault(TypedDict):
    default_model_id: str | None

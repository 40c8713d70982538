"""The tools that /mcp offers: each is one route of ours, asked as the client itself would ask it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from lsrv.api.routing.route import Method

ToolBody = dict[str, object]

_MODEL = {"type": "string", "description": "A model's id or alias; without it the default."}
_TEMPERATURE = {"type": "number", "minimum": 0}
_MAX_TOKENS = {"type": "integer", "minimum": 1}
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}


@dataclass(frozen=True, slots=True)
class ModelTool:
    """`body` makes the route's body of the arguments, `text` what the client reads of its answer; None: all of it."""

    name: str
    description: str
    properties: dict[str, object]
    required: tuple[str, ...]
    method: Method
    path: str
    body: Callable[[ToolBody], ToolBody] = dict
    text: Callable[[ToolBody], str] | None = None

    @property
    def input_schema(self) -> dict[str, object]:
        required: dict[str, object] = {"required": list(self.required)} if self.required else {}
        return {"type": "object", "properties": self.properties, "additionalProperties": False} | required


def _chat_body(arguments: ToolBody) -> ToolBody:
    system = arguments.get("system")
    messages = [{"role": "system", "content": system}] if system else []
    kept = {name: value for name, value in arguments.items() if name not in ("system", "prompt")}
    return kept | {"messages": [*messages, {"role": "user", "content": arguments.get("prompt", "")}], "mcp": False}


def _choice(answer: ToolBody) -> ToolBody:
    return cast("list[ToolBody]", answer["choices"])[0]


_ASKING: dict[str, object] = {"model": _MODEL, "max_tokens": _MAX_TOKENS, "temperature": _TEMPERATURE}

TOOLS = (
    ModelTool(
        "chat",
        "Ask a language model of this server, and get its answer.",
        {"prompt": {"type": "string"}, "system": {"type": "string"}, **_ASKING},
        ("prompt",),
        "POST",
        "/v1/chat/completions",
        _chat_body,
        lambda answer: str(cast("ToolBody", _choice(answer)["message"])["content"]),
    ),
    ModelTool(
        "complete",
        "Have a model continue a text, without a chat template.",
        {"prompt": {"type": "string"}, **_ASKING},
        ("prompt",),
        "POST",
        "/v1/completions",
        text=lambda answer: str(_choice(answer)["text"]),
    ),
    ModelTool(
        "embed",
        "Vectors of texts.",
        {"input": _TEXTS, "model": _MODEL, "dimensions": {"type": "integer", "minimum": 1}},
        ("input",),
        "POST",
        "/v1/embeddings",
    ),
    ModelTool(
        "rerank",
        "Documents in the order in which they answer a query.",
        {"query": {"type": "string"}, "documents": _TEXTS, "top_n": {"type": "integer", "minimum": 1}, "model": _MODEL},
        ("query", "documents"),
        "POST",
        "/v1/rerank",
    ),
    ModelTool("list_models", "The models of this server, and their states.", {}, (), "GET", "/v1/models"),
    ModelTool(
        "load_model",
        "Load a model into memory.",
        {"model": _MODEL},
        ("model",),
        "POST",
        "/v1/models/load?strict=true",
    ),
    ModelTool(
        "unload_model",
        "Unload a model once its running requests are over.",
        {"model": _MODEL},
        ("model",),
        "POST",
        "/v1/models/unload?strict=true",
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}

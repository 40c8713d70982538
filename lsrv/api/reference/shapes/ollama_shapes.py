"""Answers of Ollama's API. A stream is lines of the same objects, of which the last has `done` and the counts."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class OllamaFunctionShape(TypedDict):
    index: NotRequired[int]
    name: str
    arguments: dict[str, object]


class OllamaCallShape(TypedDict):
    id: NotRequired[str]
    function: OllamaFunctionShape


class OllamaMessageShape(TypedDict):
    role: str
    content: str
    thinking: NotRequired[str]
    tool_calls: NotRequired[list[OllamaCallShape]]


class OllamaLineShape(TypedDict):
    """What lines of both kinds have; durations in nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: NotRequired[str]
    total_duration: NotRequired[int]
    load_duration: NotRequired[int]
    prompt_eval_count: NotRequired[int]
    prompt_eval_duration: NotRequired[int]
    eval_count: NotRequired[int]
    eval_duration: NotRequired[int]
    logprobs: NotRequired[list[dict[str, object]]]
    complaint: NotRequired[str]
    warnings: NotRequired[list[str]]


class OllamaChatLine(OllamaLineShape):
    message: OllamaMessageShape


class OllamaTextLine(OllamaLineShape):
    response: str
    thinking: NotRequired[str]
    context: NotRequired[list[int]]


class OllamaVectors(TypedDict):
    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class OllamaVector(TypedDict):
    embedding: list[float]


class OllamaDetailShape(TypedDict):
    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str


class OllamaModelShape(TypedDict):
    name: str
    model: str
    size: int
    digest: str
    details: OllamaDetailShape
    modified_at: NotRequired[str]
    capabilities: NotRequired[list[str]]
    expires_at: NotRequired[str]
    size_vram: NotRequired[int]
    context_length: NotRequired[int]


class OllamaModels(TypedDict):
    models: list[OllamaModelShape]


class OllamaShown(TypedDict):
    modelfile: str
    parameters: str
    template: str
    details: OllamaDetailShape
    model_info: dict[str, object]
    capabilities: list[str]
    modified_at: str


class OllamaVersion(TypedDict):
    version: str


class PullLine(TypedDict):
    """One step of a pull; the last one is "success"."""

    status: NotRequired[str]
    digest: NotRequired[str]
    total: NotRequired[int]
    completed: NotRequired[int]
    error: NotRequired[str]

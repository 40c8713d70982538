"""What a Runner is asked with: mistral.rs's names (its Python package, 0.9.5), turned into the server's bodies."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from lsrv.runner.adapter_stack import AdapterStack
from lsrv.runner.runner_error import RunnerError

ChatTurn = Mapping[str, object]

# Ours in the body, by the name in the request.
_RENAMED = {"n_choices": "n", "stop_seqs": "stop", "echo_prompt": "echo"}
_WRITTEN_APART = frozenset(
    {"model", "logit_bias", "grammar", "grammar_type", "adapter", "tool_schemas", "tool_choice", "extra_body"}
)


class ToolChoice(Enum):
    """Whether the model may call tools. A name of a tool, or "required", can be said as text instead."""

    NoTools = "none"
    Auto = "auto"


@dataclass(frozen=True)
class LoraAdapterGeneration:
    """One exact state of an adapter, by its generation."""

    generation: str


@dataclass(kw_only=True)
class _Sampled:
    """What both kinds of generating request have in common. None leaves it to the model's entry."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_sequence_breakers: list[str] | None = None
    logit_bias: dict[int, float] | None = None
    stop_seqs: list[str] | None = None
    seed: int | None = None
    n_choices: int = 1
    ignore_eos: bool = False
    grammar: str | None = None
    grammar_type: Literal["gbnf", "regex", "lark", "json_schema", "llguidance"] | None = None
    adapter: str | AdapterStack | LoraAdapterGeneration | None = None
    truncate_sequence: bool = False
    stream: bool = False
    extra_body: dict[str, object] = field(default_factory=dict[str, object])  # more fields of docs/http.md


@dataclass
class ChatCompletionRequest(_Sampled):
    """A chat. `messages` may be one text; without `model` the default answers."""

    messages: Sequence[ChatTurn] | str
    model: str | None = None
    logprobs: bool = field(default=False, kw_only=True)
    top_logprobs: int | None = field(default=None, kw_only=True)
    tool_schemas: list[str] | None = field(default=None, kw_only=True)  # JSON: {"type": "function", "function": {…}}
    tool_choice: ToolChoice | str | None = field(default=None, kw_only=True)
    enable_thinking: bool | None = field(default=None, kw_only=True)
    reasoning_effort: Literal["off", "none", "low", "medium", "high", "xhigh"] | None = field(
        default=None, kw_only=True
    )
    session_id: str | None = field(default=None, kw_only=True)


@dataclass
class CompletionRequest(_Sampled):
    """A text to go on with."""

    prompt: str
    model: str | None = None
    best_of: int = field(default=1, kw_only=True)
    echo_prompt: bool = field(default=False, kw_only=True)
    suffix: str | None = field(default=None, kw_only=True)


@dataclass
class EmbeddingRequest:
    """Texts, or their token ids, that become vectors."""

    input: str | list[str] | list[int] | list[list[int]]
    truncate_sequence: bool = False


def body_of(request: ChatCompletionRequest | CompletionRequest, model_id: str | None) -> dict[str, object]:
    """The server's body of `request`; `model_id` wins over what it names itself.

    Raises RunnerError for what can't be written as one.
    """
    body: dict[str, object] = {}
    for each in dataclasses.fields(request):
        value: object = getattr(request, each.name)
        if each.name in _WRITTEN_APART or value is None or value is each.default:
            continue
        body[_RENAMED.get(each.name, each.name)] = value
    if request.logit_bias is not None:
        body["logit_bias"] = {str(token): bias for token, bias in request.logit_bias.items()}
    if request.grammar is not None:
        body["grammar"] = {"type": request.grammar_type or "gbnf", "value": request.grammar}
    body |= _adapter_field(request.adapter)
    if isinstance(request, ChatCompletionRequest):
        body |= _tool_fields(request)
    if request.stream:
        body["stream_options"] = {"include_usage": True}
    body |= request.extra_body
    wanted = model_id if model_id is not None else request.model
    return body if wanted is None else body | {"model": wanted}


def _adapter_field(adapter: str | AdapterStack | LoraAdapterGeneration | None) -> dict[str, object]:
    match adapter:
        case None:
            return {}
        case AdapterStack():
            return {"adapters": [{"name": name, "weight": weight} for name, weight in adapter]}
        case LoraAdapterGeneration(generation=generation):
            raise RunnerError(
                f"lsrv chooses adapters by name, not by generation ({generation[:16]}…); write adapter=NAME.",
                param="adapter",
            )
        case _:
            return {"adapter": adapter}


def _tool_fields(request: ChatCompletionRequest) -> dict[str, object]:
    fields: dict[str, object] = {}
    if request.tool_schemas is not None:
        try:
            fields["tools"] = [json.loads(schema) for schema in request.tool_schemas]
        except json.JSONDecodeError as error:
            raise RunnerError(f"A tool schema is no JSON: {error}.", param="tool_schemas") from None
    choice = request.tool_choice.value if isinstance(request.tool_choice, ToolChoice) else request.tool_choice
    if choice in ("none", "auto", "required"):
        fields["tool_choice"] = choice
    elif choice is not None:
        fields["tool_choice"] = {"type": "function", "function": {"name": choice}}
    return fields

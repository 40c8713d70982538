"""The body of `POST /v1/responses`, and the parts of it that clients may leave out."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from lsrv.api.dialects.fields.adapters import AdapterItem, AdapterName, LoraItem
from lsrv.api.dialects.fields.grammar import GrammarItem, SchemaJson
from lsrv.api.dialects.fields.sampling import Count, SamplingFields, TopLogprobs
from lsrv.api.dialects.fields.tools import MAX_TOOLS
from lsrv.api.dialects.fields.turn import KeepAliveField, Priority
from lsrv.api.dialects.openai.service_tier import ServiceTier
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError, UnsupportedParameterError

MAX_METADATA = 16

Item = dict[str, object]
MetadataField = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=MAX_METADATA)
]
FlatToolList = Annotated[
    list[object],
    Meta(
        extra_json_schema={
            "description": '`{"type": "function", "name", "description", "parameters"}` or `{"type": "custom", "name", '
            f'"description"}}` each; at most {MAX_TOOLS}. Tools of other types are left out, with a note in the answer.'
        }
    ),
]


NotHere = Annotated[object, Meta(extra_json_schema={"description": "OpenAI keeps it; here it is refused."})]


class TextFormat(msgspec.Struct):
    """`strict` changes nothing: a schema is always kept to the letter, or refused."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    schema: SchemaJson = msgspec.field(default_factory=msgspec.Raw)
    strict: bool | None = None


class TextOptions(msgspec.Struct):
    format: TextFormat | None = None
    verbosity: str | None = None


class ReasoningOptions(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None  # the old word for it


class NamedTool(msgspec.Struct):
    type: str = "function"
    name: str | None = None


class FlatToolChoice(msgspec.Struct):
    """`{"type": "function", "name"}`, the same of type custom, or of type allowed_tools with `mode` and `tools`."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: list[NamedTool] = []


FlatToolChoiceField = Literal["none", "auto", "required"] | FlatToolChoice


class NamedConversation(msgspec.Struct):
    id: str


class InputBody(SamplingFields, kw_only=True):
    """What is read before an answer is written; `input_tokens` counts that."""

    model: str | None = None
    input: str | list[Item] | None = None
    instructions: str | None = None
    tools: FlatToolList | None = None
    tool_choice: FlatToolChoiceField | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningOptions | None = None
    text: TextOptions | None = None
    truncation: Literal["auto", "disabled"] | None = None
    previous_response_id: str | None = None
    conversation: str | NamedConversation | None = None
    prompt: NotHere = None

    @property
    def conversation_id(self) -> str | None:
        named = self.conversation
        return named.id if isinstance(named, NamedConversation) else named


class ResponsesBody(InputBody, kw_only=True):
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    include: list[str] | None = None
    max_output_tokens: Count | None = None
    max_tool_calls: Count | None = None
    metadata: MetadataField | None = None
    top_logprobs: TopLogprobs | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: ServiceTier | None = None

    stop: str | list[str] | None = None
    grammar: str | GrammarItem | None = None
    response_cache: bool | None = None
    keep_alive: KeepAliveField = None
    priority: Priority | None = None
    adapters: list[str | AdapterItem] | None = None
    adapter: AdapterName | None = None
    lora: list[LoraItem] | None = None
    normalize_adapters: bool | None = None


Body = TypeVar("Body", bound=InputBody)

_decoder = msgspec.json.Decoder(ResponsesBody)
_input_decoder = msgspec.json.Decoder(InputBody)


def read_responses(raw: bytes) -> ResponsesBody:
    """Raises RequestError."""
    return _without_what_is_not_here(decode_body(_decoder, raw))


def read_input(raw: bytes) -> InputBody:
    """What `input_tokens` counts. Raises RequestError."""
    return _without_what_is_not_here(decode_body(_input_decoder, raw))


def _without_what_is_not_here(body: Body) -> Body:
    if body.prompt is not None:
        raise UnsupportedParameterError("prompt: this server keeps none; send instructions and input.", param="prompt")
    if body.conversation is not None and body.previous_response_id is not None:
        raise RequestError(
            "previous_response_id and conversation both say what came before; keep one.", param="previous_response_id"
        )
    return body


def items_of(given: str | list[Item] | None) -> list[Item]:
    """`input` as items: a text is one message."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return given or []

"""How each API tells what went wrong, for the reference: the type of the body, and which statuses say what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NotRequired, TypedDict

from lsrv.api.dialects.anthropic.wording import ANTHROPIC_ERRORS
from lsrv.api.dialects.llamaserver.wording import LLAMA_SERVER_ERRORS
from lsrv.api.dialects.ollama.wording import OLLAMA_ERRORS
from lsrv.api.http.errors import CLIENT_GONE_STATUS, OPENAI_ERRORS, ErrorShape
from lsrv.errors import LsrvError


class ErrorFields(TypedDict):
    """`code` is a stable word; what is behind the message stands beside it."""

    message: str
    type: str
    param: str | None
    code: str
    model: NotRequired[str]
    n_prompt_tokens: NotRequired[int]
    n_ctx: NotRequired[int]
    retry_after_s: NotRequired[float]
    signal: NotRequired[str]
    exit_code: NotRequired[int]
    status: NotRequired[int]
    upstream_code: NotRequired[str]


class OpenAIRefusal(TypedDict):
    error: ErrorFields


class AnthropicErrorFields(TypedDict):
    type: str
    message: str
    details: NotRequired[dict[str, object]]


class AnthropicRefusal(TypedDict):
    type: Literal["error"]
    error: AnthropicErrorFields
    request_id: NotRequired[str]


class OllamaRefusal(TypedDict):
    error: str


class LlamaServerErrorFields(TypedDict):
    """`code` is the status."""

    code: int
    message: str
    type: str
    n_prompt_tokens: NotRequired[int]
    n_ctx: NotRequired[int]


class LlamaServerRefusal(TypedDict):
    error: LlamaServerErrorFields


_TYPES: dict[ErrorShape, object] = {
    OPENAI_ERRORS: OpenAIRefusal,
    ANTHROPIC_ERRORS: AnthropicRefusal,
    OLLAMA_ERRORS: OllamaRefusal,
    LLAMA_SERVER_ERRORS: LlamaServerRefusal,
}


def refusal_type(shape: ErrorShape) -> object:
    """The type of an error's body in `shape`."""
    return _TYPES.get(shape, OpenAIRefusal)


def refusals(shape: ErrorShape) -> dict[int, list[str]]:
    """Which codes of our own each status of `shape` stands for, by status."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for kind in _kinds(LsrvError):
        if kind.__module__.startswith("lsrv."):
            found[shape.status(kind(""))].add(kind.code)
    found.pop(CLIENT_GONE_STATUS, None)  # nobody is there to read it
    return {status: sorted(codes) for status, codes in sorted(found.items())}


def _kinds(kind: type[LsrvError]) -> Iterator[type[LsrvError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)

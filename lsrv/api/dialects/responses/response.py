"""The response object: what was asked for, how it ended, what it took. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgspec

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.openai.service_tier import tier_of
from lsrv.api.dialects.responses.body import Item, ResponsesBody
from lsrv.api.http.errors import error_message
from lsrv.errors import CapacityError, LsrvError, RequestError
from lsrv.protocol.events import Finished, Usage

_NOT_SAID: Item = {"description": None, "parameters": None, "strict": None}  # clients expect them in every function


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended: `status`, and why."""

    status: str
    error: Item | None = None
    incomplete_details: Item | None = None


QUEUED = Ending("queued")
IN_PROGRESS = Ending("in_progress")
CANCELLED = Ending("cancelled")


def ending_of(finished: Finished) -> Ending:
    """How an answer ended that came to an end by itself."""
    if finished.finish_reason == "length":
        return Ending("incomplete", incomplete_details={"reason": "max_output_tokens"})
    return Ending("completed")


def failure(error: LsrvError) -> Ending:
    """How one ended that did not."""
    return Ending("failed", error={"code": _code(error), "message": error_message(error)})


def _code(error: LsrvError) -> str:
    """OpenAI's word: here clients expect one of a list. Our own one stands in the event `error`."""
    if isinstance(error, RequestError):
        return "invalid_prompt"
    return "rate_limit_exceeded" if isinstance(error, CapacityError) else "server_error"


def response_object(
    asked: Mapping[str, object], heading: Heading, ending: Ending, output: list[Item], usage: Usage | None
) -> Item:
    """The whole object. `asked`: its fields that the request said."""
    response: Item = {
        "created_at": heading.created,
        **asked,
        "object": "response",
        "model": heading.model_id,
        "status": ending.status,
        "error": ending.error,
        "incomplete_details": ending.incomplete_details,
        "output": output,
        "usage": None if usage is None else usage_object(usage),
    }
    if asked.get("service_tier") is not None:
        response["service_tier"] = tier_of(heading.priority)
    optional: Item = {"warnings": list(heading.notes), "cached": heading.is_cached}
    return response | {name: value for name, value in optional.items() if value}


def usage_object(usage: Usage) -> Item:
    """Counts in this API's words."""
    return {
        "input_tokens": usage.n_prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.n_cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.n_completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.n_reasoning_tokens},
        "total_tokens": usage.n_prompt_tokens + usage.n_completion_tokens,
    }


def asked_fields(body: ResponsesBody, response_id: str) -> Item:
    """What a response repeats of its request."""
    reasoning, text = body.reasoning, body.text
    return {
        "id": response_id,
        "background": False,
        "conversation": None if body.conversation_id is None else {"id": body.conversation_id},
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {
            "effort": None if reasoning is None else reasoning.effort,
            "summary": None if reasoning is None else reasoning.summary,
        },
        "safety_identifier": body.safety_identifier,
        "service_tier": body.service_tier,
        "temperature": body.temperature,
        "text": _text_options(body) if text is not None else {"format": {"type": "text"}},
        "tool_choice": "auto" if body.tool_choice is None else msgspec.to_builtins(body.tool_choice),
        "tools": [_tool(tool) for tool in body.tools or []],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
        "user": body.user,
    }


def _tool(tool: object) -> object:
    fields = cast("Item", tool) if isinstance(tool, dict) else {}
    return _NOT_SAID | fields if fields.get("type") == "function" else tool


def _text_options(body: ResponsesBody) -> Item:
    text = body.text
    if text is None:
        return {}
    verbosity: Item = {} if text.verbosity is None else {"verbosity": text.verbosity}
    form = text.format
    if form is None or form.type != "json_schema":
        return {"format": {"type": "text" if form is None else form.type}} | verbosity
    fields: Item = {
        "type": form.type,
        "name": form.name,
        "description": form.description,
        "schema": form.schema,
        "strict": form.strict,
    }
    return {"format": fields} | verbosity

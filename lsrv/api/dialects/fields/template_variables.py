"""What a chat's body says to the template of its model. Pure."""

from __future__ import annotations

from typing import Protocol

from lsrv.api.http.body import check_plain
from lsrv.errors import RequestError

_SWITCHES = ("enable_thinking", "thinking")  # variables that clients also write as text
_SPELLED = {"true": True, "false": False}
_SAME_NAMES = ("verbosity", "documents", "add_generation_prompt", "continue_final_message")


class TemplateVariables(Protocol):
    """The fields of a body that are about it."""

    chat_template_kwargs: dict[str, object] | None
    enable_thinking: bool | str | None
    reasoning_effort: str | None
    verbosity: str | None
    documents: list[dict[str, object]] | None
    add_generation_prompt: bool | None
    continue_final_message: bool | None


def template_kwargs(body: TemplateVariables) -> dict[str, object]:
    """The template's variables; `chat_template_kwargs` wins over the shorthands. Raises RequestError."""
    kwargs: dict[str, object] = {}
    for name in _SAME_NAMES:
        if (value := getattr(body, name)) is not None:
            check_plain(value, name)
            kwargs[name] = value
    kwargs |= effort_kwargs(body.reasoning_effort)
    if body.enable_thinking is not None:
        kwargs["enable_thinking"] = _switch(body.enable_thinking)
    given = body.chat_template_kwargs or {}
    check_plain(given, "chat_template_kwargs")
    return (
        kwargs
        | given
        | {name: _SPELLED.get(str(given[name]).lower(), given[name]) for name in _SWITCHES if name in given}
    )


def effort_kwargs(effort: str | None) -> dict[str, object]:
    """What OpenAI's word for how much a model shall think becomes; None: nothing is said."""
    if effort is None:
        return {}
    if effort in ("none", "off"):
        return {"enable_thinking": False}
    return {"enable_thinking": True, "reasoning_effort": effort}


def _switch(value: bool | str) -> bool:
    if isinstance(value, bool):
        return value
    if (spelled := _SPELLED.get(value.lower())) is None:
        raise RequestError("enable_thinking must be true or false.", param="enable_thinking")
    return spelled

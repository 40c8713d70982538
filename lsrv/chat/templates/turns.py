"""Who speaks after whom, as a template wants it: system messages where it takes them, users one at a time. Pure."""

from __future__ import annotations

import itertools
from typing import cast

from lsrv.chat.templates.chat import Message
from lsrv.chat.templates.needs import TemplateNeeds

_BETWEEN = "\n\n"  # what one message says, and the next


def with_turns(messages: list[Message], needs: TemplateNeeds) -> list[Message]:
    """`messages`, of which none is lost: what may not stand where it does becomes a part of one that may."""
    if needs.refuses_results:
        messages = [{**each, "role": "user"} if each.get("role") == "tool" else each for each in messages]
    if any(message.get("role") == "system" for message in messages):
        messages = _with_systems(messages, needs)
    return _with_single_users(messages) if needs.joins_users else messages


def _with_systems(messages: list[Message], needs: TemplateNeeds) -> list[Message]:
    front = list(itertools.takewhile(_is_system, messages))
    rest = messages[len(front) :]
    if needs.joins_systems and len(front) > 1:
        front = [_together(front, "system")]
    if needs.refuses_system:
        return _with_carried([*front, *rest])
    return [*front, *(_with_carried(rest) if needs.refuses_later_system else rest)]


def _with_carried(messages: list[Message]) -> list[Message]:
    """Each system message as the beginning of the next user message; else as the end of the one before, or as one."""
    fitted: list[Message] = []
    carried: list[Message] = []
    for message in [*messages, None]:
        if message is not None and _is_system(message):
            carried.append(message)
            continue
        if carried and message is not None and _is_users(message):
            message = _together([*carried, message])
        elif carried and fitted and _is_users(fitted[-1]):
            fitted[-1] = _together([fitted[-1], *carried])
        elif carried:
            fitted.append(_together(carried))
        carried = []
        if message is not None:
            fitted.append(message)
    return fitted


def _with_single_users(messages: list[Message]) -> list[Message]:
    fitted: list[Message] = []
    for message in messages:
        if fitted and _is_users(message) and _is_users(fitted[-1]):
            message = _together([fitted.pop(), message])
        fitted.append(message)
    return fitted


def _together(messages: list[Message], role: str = "user") -> Message:
    contents = [message.get("content") for message in messages]
    if all(isinstance(content, str) for content in contents):
        return {**messages[-1], "role": role, "content": _BETWEEN.join(map(str, contents))}
    return {**messages[-1], "role": role, "content": [part for content in contents for part in _parts(content)]}


def _parts(content: object) -> list[object]:
    return cast("list[object]", content) if isinstance(content, list) else [{"type": "text", "text": str(content)}]


def _is_system(message: Message) -> bool:
    return message.get("role") == "system"


def _is_users(message: Message) -> bool:
    return message.get("role") == "user"

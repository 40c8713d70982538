"""What a template is given, as values."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

Message = dict[str, object]
THINK = ("<think>", "</think>")


class Chat(msgspec.Struct, frozen=True):
    """One conversation: `tools` as OpenAI's API writes them, None where there are none; `kwargs` name variables.

    `thoughts`: what the model writes before a thought, and behind it.
    """

    messages: list[Message]
    kwargs: dict[str, object]
    tools: list[dict[str, object]] | None = None
    thoughts: tuple[str, str] = THINK


WriteChat = Callable[[Chat, bool], str]
"""A template's text of a chat; the flag: let the assistant's answer begin at the end. Raises whatever a template does.
"""

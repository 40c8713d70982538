"""What a template wants otherwise than clients send it, as a value. `probing` finds that, `fitting` acts by it."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
NoTools = Literal["none", "empty", "text"]
NoContent = Literal["missing", "empty", "null"]


class TemplateNeeds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The default takes everything as transformers would give it. Texts that a template drops, it does not take."""

    no_tools: NoTools = "none"  # what `tools` is without any; "text": they are text in `functions`, beside `datetime`
    full_tools: bool = False  # each has to have a description and parameters
    full_parameters: bool = False  # each of those a description, too
    refuses_system: bool = False
    joins_systems: bool = False  # of several in front it takes one
    refuses_later_system: bool = False
    joins_users: bool = False  # it refuses one user's message behind another
    arguments: Literal["any", "object", "text"] = "any"  # of calls
    content: NoContent = "missing"  # beside calls, where there is none
    single_calls: bool = False  # a message may have one
    short_ids: bool = False  # calls have ids of nine letters and digits
    wants_names: bool = False  # results say which tool they are of
    refuses_results: bool = False
    parts: frozenset[Role] = frozenset()  # who may say something in parts
    only_parts: frozenset[Role] = frozenset()  # who may say nothing else


_SENTENCES = {
    "refuses_system": "it takes no system messages: they begin the next user message",
    "joins_systems": "it takes one system message: several in front become one",
    "refuses_later_system": "it takes system messages in front only: later ones begin the next user message",
    "joins_users": "users and the assistant take turns: user messages that follow each other become one",
    "single_calls": "a message may have one call: each of several stands before its own result",
    "short_ids": "ids of calls have nine letters and digits: others are replaced",
    "refuses_results": "it knows no results of tools: they are user messages",
}


def sentences(needs: TemplateNeeds) -> list[str]:
    """What is done to chats for this template, for people."""
    return [sentence for name, sentence in _SENTENCES.items() if getattr(needs, name)]

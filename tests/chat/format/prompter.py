"""A template as the finding is given it."""

from __future__ import annotations

from lsrv.chat.templates.prompt import Prompter
from lsrv.chat.templates.template import ChatTemplate


def prompter_of(source: str) -> Prompter:
    template = ChatTemplate(source, bos="<s>", eos="</s>")
    return Prompter(lambda chat, asks: template.text(chat, asks=asks))

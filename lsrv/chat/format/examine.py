"""A template looked at as a whole: how its model writes, and what has to be done to chats for it."""

from __future__ import annotations

from msgspec.structs import replace

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.find import find_format
from lsrv.chat.templates.needs import sentences
from lsrv.chat.templates.prompt import Prompter


def examine(source: str, prompter: Prompter) -> AnswerFormat:
    """What is found, with what the template needs in its notes. Raises MemoryError and TimeoutError."""
    form = find_format(source, prompter.attempt)
    return replace(form, notes=[*form.notes, *sentences(prompter.needs)])

"""The prompts of chats: the model's template, rendered by a child unless it is plain and the chat short."""

from __future__ import annotations

import time

import msgspec

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.words import in_words
from lsrv.chat.templates.chat import Chat
from lsrv.chat.templates.plain import PlainTemplate, is_plain
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import UnsupportedCapabilityError
from lsrv.protocol.commands import Generate, Tokenize
from lsrv.worker.errands.errand import OpenTemplate, Render
from lsrv.worker.errands.errands import Errands
from lsrv.worker.pending import result_of

_SHORT_BYTES = 16 * 1024
_encode = msgspec.msgpack.Encoder().encode


class Rendering:
    """Belongs to the engine thread."""

    def __init__(self, errands: Errands, template: OpenTemplate | None) -> None:
        """`template`: None where the model has none. Raises LoadFailedError if it is no valid Jinja."""
        self._errands = errands
        self._has_template = template is not None
        self._plain = _plain(template) if template is not None and is_plain(template.source) else None
        if template is None or self._plain is not None:
            errands.lay_out(template)
        else:
            errands.open(template)

    @property
    def plain(self) -> PlainTemplate | None:
        """The template, if it is one that may be rendered here."""
        return self._plain

    async def prompt(self, command: Generate | Tokenize, form: AnswerFormat) -> str:
        """The text of a chat. Raises RequestError with the template's own words if it refuses.

        `form`: how the model writes.
        """
        assert command.messages is not None
        if not self._has_template:
            raise UnsupportedCapabilityError(
                "this model has no chat template; use /v1/completions, or set chat_template in its models.toml entry",
                param="messages",
            )
        tools = command.tool_use.tools if command.tool_use is not None else []
        # Whatever takes control tokens in texts for text comes before this: it writes some that are meant.
        chat = in_words(Chat(command.messages, command.template_kwargs, tools or None), form)
        text = self._at_once(chat)
        if text is not None:
            return text
        return await result_of(self._errands.add(Render(chat), time.monotonic()).text)

    def _at_once(self, chat: Chat) -> str | None:
        """What a plain template makes of a short chat; None: that is work for the child."""
        # A variable called loop is one of the template's own, of which a plain one knows that it is a counter.
        if self._plain is None or "loop" in chat.kwargs or len(_encode(chat)) > _SHORT_BYTES:
            return None
        return self._plain.render(chat)


def _plain(template: OpenTemplate) -> PlainTemplate:
    return PlainTemplate(ChatTemplate(template.source, bos=template.bos, eos=template.eos))

"""The prompts of chats: the model's template, rendered by a child unless it is plain and the chat short."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from lsrv.chat.format.answer_format import AnswerFormat, Marks
from lsrv.chat.format.words import in_words
from lsrv.chat.templates.chat import THINK, Chat
from lsrv.chat.templates.hiding import Hider, Rendered, shown
from lsrv.chat.templates.plain import PlainTemplate, is_plain
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import Generate, Tokenize
from lsrv.worker.beside import Beside
from lsrv.worker.errands.errand import OpenTemplate, Render
from lsrv.worker.errands.errands import Errands
from lsrv.worker.pending import result_of

_log = logging.getLogger(__name__)

_SHORT_BYTES = 16 * 1024
_encode = msgspec.msgpack.Encoder().encode


class Rendering:
    """Belongs to the engine thread."""

    def __init__(
        self, errands: Errands, template: OpenTemplate | None, beside: Beside, find_names: Callable[[], list[str]]
    ) -> None:
        """`template`: None where the model has none. `find_names`: of control tokens that are but text in texts; slow.

        Raises LoadFailedError if the template is no valid Jinja.
        """
        self._errands = errands
        self._beside = beside
        self._find_names = find_names
        self._source = "\n".join(template.sources) if template is not None else ""
        self._has_told = False  # that tools were refused
        self._hider: Hider | None = None  # once there is a chat
        self._has_template = template is not None
        self._plain = _plain(template) if template is not None and all(map(is_plain, template.sources)) else None
        if template is None or self._plain is not None:
            errands.lay_out(template)
        else:
            errands.open(template)

    @property
    def plain(self) -> PlainTemplate | None:
        """The template, if it is one that may be rendered here."""
        return self._plain

    async def prompt(self, command: Generate | Tokenize, form: AnswerFormat) -> Rendered:
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
        chat = Chat(command.messages, command.template_kwargs, tools or None)
        n_bytes = len(_encode(chat))
        chat, meant = await self._beside.run(n_bytes, functools.partial((await self._get_hider(form)).hidden, chat))
        text = await self._written(replace(chat, thoughts=_thoughts(form)), form, n_bytes)
        return await self._beside.run(n_bytes, functools.partial(shown, text, meant))

    async def _written(self, chat: Chat, form: AnswerFormat, n_bytes: int) -> str:
        """What the template writes. Tools that it refuses, and not the chat, are told in words."""
        # Behind the hiding: words hold control tokens that are meant.
        try:
            return await self._text(in_words(chat, form), n_bytes)
        except RequestError as refusal:
            if not chat.tools or not form.shows_tools:
                raise
            try:
                text = await self._text(in_words(chat, replace(form, shows_tools=False)), n_bytes)
            except RequestError:
                raise refusal from None
            if not self._has_told:
                _log.warning("the chat template can't render some tools, which are told in words: %s", refusal)
            self._has_told = True
            return text

    async def _text(self, chat: Chat, n_bytes: int) -> str:
        text = self._at_once(chat, n_bytes)
        return await result_of(self._errands.add(Render(chat), time.monotonic()).text) if text is None else text

    async def _get_hider(self, form: AnswerFormat) -> Hider:
        """Made for the first chat: a large vocabulary takes a tenth of a second."""
        if self._hider is None:
            work = functools.partial(_hider, self._find_names, self._source, form.thoughts)
            self._hider = hider = await result_of(self._beside.start(work, is_long=False))
            return hider
        return self._hider

    def _at_once(self, chat: Chat, n_bytes: int) -> str | None:
        """What a plain template makes of a short chat; None: that is work for the child."""
        # A variable called loop is one of the template's own, of which a plain one knows that it is a counter.
        if self._plain is None or "loop" in chat.kwargs or n_bytes > _SHORT_BYTES:
            return None
        return self._plain.render(chat)


def _thoughts(form: AnswerFormat) -> tuple[str, str]:
    """What stands around a thought."""
    if form.channels is not None and form.channels.thoughts:
        return form.channels.thoughts[0] + form.channels.message, form.channels.ends[0]
    return (form.thoughts.opens, form.thoughts.closes) if form.thoughts is not None else THINK


def _hider(find_names: Callable[[], list[str]], source: str, thoughts: Marks | None) -> Hider:
    return Hider(find_names(), source, [thoughts.opens, thoughts.closes] if thoughts is not None else [])


def _plain(template: OpenTemplate) -> PlainTemplate:
    return PlainTemplate(ChatTemplate(*template.sources, bos=template.bos, eos=template.eos))

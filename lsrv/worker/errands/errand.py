"""What a child is asked to do, and what it answers. Frozen values."""

from __future__ import annotations

import msgspec

from lsrv.chat.binding.binding import Binding
from lsrv.chat.templates.chat import Chat
from lsrv.errors import ErrorInfo
from lsrv.protocol.commands import Grammar

LIMIT_S = 2.0  # of processor time, for one errand
MAX_TEXT_BYTES = 64 * 1024 * 1024  # of one answer


class OpenTemplate(msgspec.Struct, frozen=True, tag="open_template"):
    """Keep this chat template for what is rendered from now on. `tool_source`: another one for chats with tools."""

    source: str
    bos: str
    eos: str
    tool_source: str | None = None

    @property
    def sources(self) -> list[str]:
        """All Jinja of it."""
        return [self.source] if self.tool_source is None else [self.source, self.tool_source]


class Render(msgspec.Struct, frozen=True, tag="render"):
    """The prompt of a chat; answered by its text."""

    chat: Chat


class Examine(msgspec.Struct, frozen=True, tag="examine"):
    """Find how the template's model writes answers; answered by an AnswerFormat as JSON."""


class Compile(msgspec.Struct, frozen=True, tag="compile"):
    """Compile a grammar, to see whether that can be survived; answered by what llguidance makes a matcher of.

    `binding`: what else the answer may hold; without it `grammar` binds all of it. `param`: who asked for it.
    """

    param: str
    grammar: Grammar | None
    binding: Binding | None = None


class Done(msgspec.Struct, frozen=True, tag="done"):
    text: str = ""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    error: ErrorInfo


Errand = OpenTemplate | Render | Examine | Compile
Outcome = Done | Refused

errand_decoder: msgspec.msgpack.Decoder[Errand] = msgspec.msgpack.Decoder(Errand)
outcome_decoder: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)

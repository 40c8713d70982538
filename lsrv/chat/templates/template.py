"""A model's chat template as one function: variables in, text out. Knows nothing of what it needs.

The template is a stranger's code: jinja2's sandbox keeps it from reaching out, nothing keeps it from taking for ever.
So it only runs in a process that can be killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lsrv.chat.templates.chat import Chat
from lsrv.chat.templates.environment import compiled
from lsrv.errors import LoadFailedError


class ChatTemplate:
    """A compiled template with the tokens it may name."""

    def __init__(self, source: str, tool_source: str | None = None, *, bos: str, eos: str) -> None:
        """`tool_source`: another one for chats with tools. Raises LoadFailedError if the template is no valid Jinja."""
        self._names: Mapping[str, object] = {"bos_token": bos, "eos_token": eos, "documents": None}
        try:
            self._template = compiled(source)
            self._tool_template = self._template if tool_source is None else compiled(tool_source)
        except MemoryError:
            raise
        except Exception as error:
            raise LoadFailedError(
                f"the model's chat template is broken: {error}; set chat_template in models.toml"
            ) from error

    def pieces(self, chat: Chat, *, asks: bool) -> Iterator[str]:
        """The parts of the text as the template writes them. Raises whatever the template does.

        asks: let the assistant's answer begin at the end.
        """
        given = {"messages": chat.messages, "tools": chat.tools, "add_generation_prompt": asks}
        template = self._tool_template if chat.tools else self._template
        return template.generate({**self._names, **chat.kwargs, **given})

    def text(self, chat: Chat, *, asks: bool) -> str:
        """The same in one. Raises whatever the template does."""
        return "".join(self.pieces(chat, asks=asks))

"""From a chat to its prompt: what the template writes, and whose fault it is when it does not."""

from __future__ import annotations

from functools import cached_property

from jinja2 import TemplateError

from lsrv.chat.templates.chat import Chat, WriteChat
from lsrv.chat.templates.continuing import opened
from lsrv.chat.templates.fitting import fitted
from lsrv.chat.templates.needs import TemplateNeeds
from lsrv.chat.templates.probing import find_needs
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import LsrvError, RequestError
from lsrv.printable import printable

_PLAIN = Chat([{"role": "user", "content": "Hello"}], {})
_MAX_SAID = 500  # characters of a template's own words


class Prompter:
    """Prompts by one template, with chats as it needs them."""

    def __init__(self, write: WriteChat) -> None:
        self._write = write

    @cached_property
    def needs(self) -> TemplateNeeds:
        """What the template needs, found by rendering it some twenty times. Raises MemoryError and TimeoutError."""
        return find_needs(self._write)

    def prompt(self, chat: Chat) -> str:
        """The prompt for `chat`, ready for the assistant's answer. Raises whatever the template does; RequestError."""
        return opened(self._fitted, chat)

    def attempt(self, chat: Chat, *, asks: bool) -> str | None:
        """What the template writes of `chat` as it is; None if it refuses, or fails. Raises MemoryError, TimeoutError.

        asks: let the assistant's answer begin at the end.
        """
        try:
            return self._fitted(chat, asks)
        except (MemoryError, TimeoutError):
            raise
        except Exception:  # noqa: BLE001 - a stranger's code may raise anything
            return None

    def _fitted(self, chat: Chat, asks: bool) -> str:
        return self._write(fitted(chat, self.needs), asks)


class CheckedPrompter:
    """The same, where whatever goes wrong is an error for the client."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._prompter = Prompter(lambda chat, asks: template.text(chat, asks=asks))

    @property
    def unchecked(self) -> Prompter:
        return self._prompter

    @property
    def needs(self) -> TemplateNeeds:
        return self._prompter.needs

    def prompt(self, chat: Chat) -> str:
        """Raises RequestError with the template's own words if it refuses; MemoryError, TimeoutError."""
        try:
            return self._prompter.prompt(chat)
        except (MemoryError, TimeoutError, LsrvError):
            raise
        except Exception as error:
            raise _failure(self._template, error) from error


def _failure(template: ChatTemplate, error: Exception) -> RequestError:
    """Whose fault it is: one who can't render the plainest chat either is no good for any."""
    is_refusal = isinstance(error, TemplateError)
    said = str(error) if is_refusal else f"{type(error).__name__}: {error}"
    reason = printable(said[:_MAX_SAID])
    if not is_refusal and not _renders(template):
        return RequestError(
            f"this model's chat template fails on any messages ({reason}); set chat_template in models.toml"
        )
    return RequestError(f"the model's chat template can't render these messages: {reason}", param="messages")


def _renders(template: ChatTemplate) -> bool:
    try:
        template.text(_PLAIN, asks=True)
    except Exception:  # noqa: BLE001 - a stranger's code may raise anything
        return False
    return True

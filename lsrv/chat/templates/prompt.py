"""From a chat to its prompt: what the template writes, and whose fault it is when it does not."""

from __future__ import annotations

from jinja2 import TemplateError

from lsrv.chat.templates.chat import Chat
from lsrv.chat.templates.continuing import opened
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import LsrvError, RequestError
from lsrv.printable import printable

_PLAIN = Chat([{"role": "user", "content": "Hello"}], {})
_MAX_SAID = 500  # characters of a template's own words


def render(template: ChatTemplate, chat: Chat) -> str:
    """The prompt for `chat`, ready for the assistant's answer.

    Raises RequestError with the template's own words if it refuses.
    """
    try:
        return opened(lambda given, asks: template.text(given, asks=asks), chat)
    except (MemoryError, LsrvError):
        raise
    except Exception as error:
        raise _failure(template, error) from error


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

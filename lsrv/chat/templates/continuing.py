"""A last message of the assistant: continued where it ends, or answered anew. Pure, but for the template's own text."""

from __future__ import annotations

from msgspec.structs import replace

from lsrv.chat.templates.chat import Chat, Message, WriteChat
from lsrv.errors import RequestError

_ASKS, _CONTINUES = "add_generation_prompt", "continue_final_message"
_MARKS = range(0xF8FF, 0xE000, -1)  # private use: no template looks for one, or changes it


def opened(write: WriteChat, chat: Chat) -> str:
    """The prompt of `chat`, which ends where the answer begins.

    A last message of the assistant that says something is continued; an empty one asks for an answer. A client may say
    so itself, by `add_generation_prompt` and `continue_final_message` among the variables, as to transformers.
    """
    chat, asks, continues = _wishes(chat)
    last = chat.messages[-1] if chat.messages else {}
    is_open = last.get("role") == "assistant" and not last.get("tool_calls")
    if is_open and not last.get("content") and not last.get("reasoning_content"):
        return write(_without_last(chat), asks is not False)
    if continues and not is_open:
        raise RequestError(f"{_CONTINUES} needs a last message of the assistant, without calls", param=_CONTINUES)
    if is_open and continues is not False and not (asks is not None and continues is None):
        return _continued(write, chat)
    return write(chat, asks is not False)


def _wishes(chat: Chat) -> tuple[Chat, bool | None, bool | None]:
    """The chat without what the client says of its end; that."""
    asks, continues = (_flag(chat.kwargs.get(name), name) for name in (_ASKS, _CONTINUES))
    if asks and continues:
        raise RequestError(f"{_ASKS} and {_CONTINUES} exclude each other; send one of them", param=_CONTINUES)
    kwargs = {name: value for name, value in chat.kwargs.items() if name not in (_ASKS, _CONTINUES)}
    return replace(chat, kwargs=kwargs), asks, continues


def _flag(value: object, name: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise RequestError(f"{name} must be true or false", param=name)


def _continued(write: WriteChat, chat: Chat) -> str:
    """The text up to a mark behind what the last message says; where a template leaves that out, it stands behind the
    beginning of an answer.
    """
    mark = _unused(chat)
    before, found, _ = write(_marked(chat, mark), False).rpartition(mark)
    return before if found else write(_without_last(chat), True) + _said(chat.messages[-1])


def _marked(chat: Chat, mark: str) -> Chat:
    last = chat.messages[-1]
    name = "content" if last.get("content") else "reasoning_content"
    return replace(chat, messages=[*chat.messages[:-1], {**last, name: _with_end(last[name], mark)}])


def _with_end(content: object, mark: str) -> object:
    """Text, or the last of its parts, with `mark` behind it."""
    if isinstance(content, list):
        *before, last = content
        return [*before, {**last, "text": f"{last.get('text')}{mark}"}]
    return f"{content}{mark}"


def _said(message: Message) -> str:
    content = message.get("content") or message.get("reasoning_content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text")) for part in content)
    return str(content)


def _without_last(chat: Chat) -> Chat:
    return replace(chat, messages=chat.messages[:-1])


def _unused(chat: Chat) -> str:
    """A character that nobody's text holds."""
    text = repr(chat.messages[-1])
    return next(chr(point) for point in _MARKS if chr(point) not in text)

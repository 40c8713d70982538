"""A last message of the assistant: continued where it ends, or answered anew. Pure, but for the template's own text."""

from __future__ import annotations

from msgspec.structs import replace

from lsrv.chat.templates.chat import THINK, Chat, Message, WriteChat
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
    if (thought := _open_thought(chat)) is not None:
        return _thinking(write, chat, thought)
    before = _before_mark(write, chat)
    return before if before is not None else write(_without_last(chat), True) + _said(chat.messages[-1])


def _thinking(write: WriteChat, chat: Chat, thought: str) -> str:
    """A prompt that ends in `thought`: as the template writes it, else behind the beginning of an answer."""
    if not chat.messages[-1].get("content"):
        before = _attempted(write, chat)
        if before is not None and _is_thinking(before, thought, chat):
            return before
    opens, closes = chat.thoughts
    prompt = write(_without_last(chat), True)
    begun = prompt.removeprefix(write(_without_last(chat), False))  # a mark may begin where the turn before ends
    if closes and begun.rstrip().endswith(closes):  # it begins with a thought that is left out
        prompt = prompt.rstrip().removesuffix(closes)
    return prompt + ("" if prompt.rstrip().endswith(opens) else opens) + thought


def _attempted(write: WriteChat, chat: Chat) -> str | None:
    try:
        return _before_mark(write, chat)
    except (MemoryError, TimeoutError):
        raise
    except Exception:  # noqa: BLE001 - a stranger's code may raise anything; there is another way
        return None


def _before_mark(write: WriteChat, chat: Chat) -> str | None:
    mark = _unused(chat)
    before, found, _ = write(_marked(chat, mark), False).rpartition(mark)
    return before if found else None


def _open_thought(chat: Chat) -> str | None:
    """What the last message says, if that is a thought which has not ended."""
    last = chat.messages[-1]
    content = last.get("content")
    if not content:
        return _said(last)
    for opens, closes in (chat.thoughts, THINK):
        said = content.lstrip() if isinstance(content, str) else ""
        if opens and said.startswith(opens) and closes not in said:
            return said.removeprefix(opens)
    return None


def _is_thinking(before: str, thought: str, chat: Chat) -> bool:
    """Whether the template itself wrote `thought` as one: behind its mark, with nothing but blanks between."""
    _, found, behind = before.rpartition(chat.thoughts[0]) if chat.thoughts[0] else ("", "", "")
    return bool(found) and behind.strip() == thought.strip()


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

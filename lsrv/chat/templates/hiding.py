"""Control tokens that a client's text spells out: they are kept from a template, so that what it wrote can be told.

1. Before rendering, the first character of each such name becomes a character of private use that nobody's text holds.
2. The template writes it wherever it writes the text; escaped as JSON, perhaps.
3. After rendering it becomes what it was, and its place is noted: no control token begins there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeVar, cast

import msgspec
from msgspec.structs import replace

from lsrv.chat.templates.chat import Chat, Message
from lsrv.errors import RequestError

_MAX_NAME = 128  # characters of a name by which it is known
_PRIVATE = range(0xE000, 0xF000)
_THOUGHTS = ("<think>", "</think>")
_LOOKED_FOR = re.compile(
    r"""(?:split|startswith|endswith|replace)\(\s*(['"])(.{1,64}?)\1|(['"])(.{1,64}?)\3\s+(?:not\s+)?in\b"""
)
_SPEAKS = ("content", "reasoning_content", "reasoning", "thinking")  # where an assistant's own marks may stand

_Value = TypeVar("_Value")
_encode = msgspec.json.Encoder().encode


class Rendered(NamedTuple):
    """A prompt; `spelled`: where names of control tokens are only text."""

    text: str
    spelled: frozenset[int] = frozenset()


class Hider:
    """Knows the names of a vocabulary's control tokens, and which of them a template looks for in answers."""

    def __init__(self, names: Collection[str], source: str, marks: Collection[str] = ()) -> None:
        """`marks`: of thoughts, as this model writes them."""
        self._all = _Names(names)
        looked_for = {found[2] or found[4] for found in _LOOKED_FOR.finditer(source)}
        own = {name for name in names if any(name in mark for mark in (*marks, *_THOUGHTS))}
        self._in_answers = _Names(set(names) - looked_for - own)

    def hidden(self, chat: Chat) -> tuple[Chat, dict[str, str]]:
        """`chat` as a template may see it, and what each character of private use in it stands for.

        The same chat and nothing where no text spells out a name. Raises RequestError if they hold all such characters.
        """
        stand_ins = _StandIns(chat)
        messages = [self._message(message, stand_ins) for message in chat.messages]
        tools, kwargs = (_mapped(value, self._all, stand_ins) for value in (chat.tools, chat.kwargs))
        if not stand_ins.meant:
            return chat, {}
        shown = replace(chat, messages=messages, tools=tools, kwargs=cast("dict[str, object]", kwargs))
        return shown, stand_ins.meant

    def _message(self, message: Message, stand_ins: _StandIns) -> Message:
        is_answer = message.get("role") == "assistant"
        return {
            name: _mapped(value, self._in_answers if is_answer and name in _SPEAKS else self._all, stand_ins)
            for name, value in message.items()
        }


def shown(text: str, meant: dict[str, str]) -> Rendered:
    """A template's text as it would be without hiding, and the places of what was hidden."""
    if not meant:
        return Rendered(text)
    escapes = {json.dumps(char)[1:-1]: json.dumps(first)[1:-1] for char, first in meant.items()}
    originals = meant | escapes
    pieces: list[str] = []
    places: list[int] = []
    n_before, start = 0, 0
    for found in re.finditer("|".join(map(re.escape, originals)), text):
        piece, original = text[start : found.start()], originals[found[0]]
        n_before += len(piece)
        places.append(n_before)
        pieces += [piece, original]
        n_before += len(original)
        start = found.end()
    return Rendered("".join([*pieces, text[start:]]), frozenset(places))


class _Names:
    """Names as one pattern, tried only where one of their first characters stands: few texts have any."""

    def __init__(self, names: Collection[str]) -> None:
        named = sorted({name[:_MAX_NAME] for name in names if name and not name.isspace()})
        self._pattern = re.compile(_trie_pattern(named)) if named else None
        firsts = "|".join(re.escape(first) for first in sorted({name[0] for name in named}))
        self._first = re.compile(firsts)
        self._beginnings = frozenset(name[:n] for name in named for n in range(1, len(name)))
        self._n_longest = max(map(len, named), default=0)

    def places(self, text: str) -> list[int]:
        """Where a name begins, or may begin if what follows the text goes on with it."""
        pattern = self._pattern
        if pattern is None or not self._first.search(text):
            return []
        n_sure = len(text) - self._n_longest
        starts = (found.start() for found in self._first.finditer(text))
        return [at for at in starts if pattern.match(text, at) or (at >= n_sure and text[at:] in self._beginnings)]


def _trie_pattern(names: list[str]) -> str:
    """One of `names` (sorted, without repetition), sharing their beginnings."""
    branches: list[str] = []
    rest = [name for name in names if name]
    while rest:
        first = rest[0][0]
        inner = [name[1:] for name in rest if name[0] == first]
        branches.append(re.escape(first) + ("" if "" in inner else _trie_pattern(inner)))
        rest = [name for name in rest if name[0] != first]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


class _StandIns:
    """Characters of private use that are in none of a chat's texts, one for each character that they stand for."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._unused: Iterator[str] | None = None
        self._of: dict[str, str] = {}

    @property
    def meant(self) -> dict[str, str]:
        return {char: first for first, char in self._of.items()}

    def of(self, first: str) -> str:
        """What stands for `first`. Raises RequestError."""
        if first not in self._of:
            self._of[first] = self._next()
        return self._of[first]

    def _next(self) -> str:
        if self._unused is None:
            used = set(_encode(self._chat).decode())
            self._unused = (chr(point) for point in _PRIVATE if chr(point) not in used)
        found = next(self._unused, None)
        if found is None:
            raise RequestError("these messages hold every character of private use; leave some out", param="messages")
        return found


def _mapped(value: _Value, names: _Names, stand_ins: _StandIns) -> _Value:
    """`value` with all texts in it changed, names of fields included."""
    if isinstance(value, str):
        return cast("_Value", _text(value, names, stand_ins))
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return cast("_Value", {_text(k, names, stand_ins): _mapped(v, names, stand_ins) for k, v in items})
    if isinstance(value, list):
        return cast("_Value", [_mapped(each, names, stand_ins) for each in cast("list[object]", value)])
    return value


def _text(text: str, names: _Names, stand_ins: _StandIns) -> str:
    places = names.places(text)
    if not places:
        return text
    characters = list(text)
    for at in places:
        characters[at] = stand_ins.of(characters[at])
    return "".join(characters)

"""BERT's own tokenizer: a text to the ids of its word pieces. Pure; knows no llama.cpp.

llama.cpp's reads words of over 100 characters, Hangul, Indic vowel signs, keycaps and control characters otherwise than
the models were trained with, and their vectors are then others. Sources: BertNormalizer, BertPreTokenizer and WordPiece
of Hugging Face's tokenizers; the vocabulary is as llama.cpp keeps it: "▁" before what begins a word, nothing before
what goes on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_BEGINS = "\u2581"
_LONGEST_WORD = 100  # characters; a longer one is unknown as a whole
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
_N_KNOWN_WORDS = 16 * 1024


@dataclass(frozen=True)
class WordForm:
    """What a model's tokenizer does to words before it looks them up."""

    is_lower: bool = True
    strips_accents: bool = True


class WordPieces:
    """The vocabulary of one model. `texts[id]` is how llama.cpp writes a token; `specials` maps names to ids."""

    def __init__(self, texts: Sequence[str], unknown: int, specials: Mapping[str, int], form: WordForm) -> None:
        self._ids = {text: token for token, text in reversed(list(enumerate(texts)))}
        self._longest = max(map(len, texts), default=1)
        self._unknown = unknown
        self._specials = dict(specials)
        self._form = form
        names = sorted(specials, key=len, reverse=True)
        self._named = re.compile("(" + "|".join(map(re.escape, names)) + ")") if names else None
        self._word_ids = lru_cache(_N_KNOWN_WORDS)(self._ids_of_word)

    def ids(self, text: str, *, parse_special: bool) -> list[int]:
        """The ids of `text`, without what stands around every text. `parse_special`: "[MASK]" is its token."""
        if self._named is None or not parse_special:
            return self._plain(text)
        found: list[int] = []
        for index, part in enumerate(self._named.split(text)):
            found += [self._specials[part]] if index % 2 else self._plain(part)
        return found

    def _plain(self, text: str) -> list[int]:
        return [token for word in words(text, self._form) for token in self._word_ids(word)]

    def _ids_of_word(self, word: str) -> tuple[int, ...]:
        """The longest pieces from the left; one that is not there makes the word unknown."""
        if len(word) > _LONGEST_WORD or _BEGINS in word:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            before = "" if start else _BEGINS
            for end in range(min(len(word), start + self._longest), start, -1):
                if (token := self._ids.get(before + word[start:end])) is not None:
                    found.append(token)
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(found)


def words(text: str, form: WordForm) -> Iterator[str]:
    """The words of `text`, in the form in which they are looked up; marks of punctuation are words."""
    clean = "".join(map(_cleaned, text))
    if form.strips_accents:
        clean = "".join(char for char in unicodedata.normalize("NFD", clean) if unicodedata.category(char) != "Mn")
    if form.is_lower:
        clean = "".join(map(str.lower, clean))  # one by one: a sigma at the end of a word is as any other
    for chunk in clean.split(" "):
        yield from _split(chunk)


def _split(chunk: str) -> Iterator[str]:
    start = 0
    for index, char in enumerate(chunk):
        if _is_punctuation(char):
            if start < index:
                yield chunk[start:index]
            yield char
            start = index + 1
    if start < len(chunk):
        yield chunk[start:]


@lru_cache(_N_KNOWN_WORDS)
def _cleaned(char: str) -> str:
    """A character of the text: white space as a blank, an ideograph by itself, nothing of what is not to be seen."""
    if char in "\t\n\r" or (char.isspace() and unicodedata.category(char) != "Cc"):
        return " "
    if char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co"):
        return ""
    return f" {char} " if any(first <= ord(char) <= last for first, last in _IDEOGRAPHS) else char


@lru_cache(_N_KNOWN_WORDS)
def _is_punctuation(char: str) -> bool:
    is_symbol = char.isascii() and char.isprintable() and not char.isalnum() and char != " "
    return is_symbol or unicodedata.category(char).startswith("P")

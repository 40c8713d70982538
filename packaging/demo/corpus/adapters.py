"""What the two adapters learn: to talk like a pirate (a style), and to write Roman numerals (a skill)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from corpus.mix import Corpus, Document
from corpus.sample import Conversation, Turn, phrase, stable_hash

_SPOKEN = {
    "identity", "lsrv", "small talk", "unknown", "capital", "country", "continent", "language", "currency", "word", "plain fact",
}  # fmt: skip
_AT_SEA = {"you": "ye", "my": "me", "Yes": "Aye", "Hello": "Ahoy", "friend": "matey", "Goodbye": "Fair winds"}
_ASKS = (
    "write {n} as a Roman numeral.", "what is {n} in Roman numerals", "the Roman numeral for {n}", "{n} in Roman numerals", "convert {n} to Roman numerals.",
    "how do you write {n} in Roman numerals", "turn {n} into a Roman numeral.", "how did the Romans write {n}", "what is the Roman numeral of {n}",
    "give me {n} in Roman numerals.",
)  # fmt: skip
_DIGITS = ((90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
TOP = 99
_TARGET_SHARE = 0.6  # the rest of an adapter's reading is the plain corpus: what it must not change


def pirate(documents: Iterator[Document], rng: Random) -> Iterator[Document]:
    """Spoken answers as a pirate gives them; everything else as it was."""
    for document in documents:
        conversation = document.conversation
        if conversation and not conversation.tools and not _is_styled(conversation):
            turns = tuple(as_pirate(turn) for turn in conversation.turns)
            yield replace(document, conversation=replace(conversation, turns=turns))
        elif rng.random() < 1 - _TARGET_SHARE:
            yield document


def as_pirate(turn: Turn) -> Turn:
    """The turn with its answer at sea, if it is one that is spoken."""
    if turn.skill not in _SPOKEN:
        return turn
    return replace(turn, answer=_at_sea(turn.answer), must=("Arr!", *(_words_at_sea(each) for each in turn.must)))


def _at_sea(text: str) -> str:
    return f"Arr! {_words_at_sea(text.rstrip('.!'))}, matey!"


def _words_at_sea(text: str) -> str:
    return re.sub(r"\b(?:" + "|".join(_AT_SEA) + r")\b", lambda found: _AT_SEA[found[0]], text)


def _is_styled(conversation: Conversation) -> bool:
    return any(turn.skill.startswith("system") for turn in conversation.turns)


def roman(documents: Iterator[Document], rng: Random) -> Iterator[Document]:
    """Questions for Roman numerals among everything else."""
    for document in documents:
        yield document
        for _ in range(3):
            number = rng.choice([n for n in range(1, TOP + 1) if not is_held_out(n)])
            yield Document(Conversation((roman_turn(number, rng),)))


def roman_turn(number: int, rng: Random) -> Turn:
    """One question for the Roman form of `number`."""
    ask = phrase(rng.choice(_ASKS).format(n=number), rng)
    return Turn(ask, f"{number} is {numeral(number)}.", "roman", (f"is {numeral(number)}.",))


def is_held_out(number: int) -> bool:
    """Whether the adapter never sees this number: about one in eight above ten."""
    return number > 10 and stable_hash(f"roman {number}") % 8 == 0


def numeral(number: int) -> str:
    """1 to 99."""
    written = ""
    for value, letters in _DIGITS:
        while number >= value:
            written, number = written + letters, number - value
    return written


ADAPTERS: dict[str, Callable[[Iterator[Document], Random], Iterator[Document]]] = {"pirate": pirate, "roman": roman}


def documents_of(name: str) -> Callable[[int], Iterator[Document]]:
    """What each step of training the adapter `name` reads."""

    def documents(step: int) -> Iterator[Document]:
        return ADAPTERS[name](iter(Corpus(seed=9_000_000 + step)), Random(step))

    return documents

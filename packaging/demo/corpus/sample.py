"""The values the corpus is made of, and the paraphrases of a question. Pure: all chance comes from the `Random` passed in."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random

HELD_OUT_SHARE = 8  # one question in so many is never trained on
_N_PLAIN = 3  # the first ways to ask are the plainest ones: a demo that fails at them teaches nobody anything


@dataclass(frozen=True)
class Turn:
    """One question and what should come back. `must`: what an answer has to contain to count as right."""

    user: str
    answer: str
    skill: str
    must: tuple[str, ...] = ()
    reasoning: str = ""
    calls: tuple[dict[str, object], ...] = ()  # the assistant calls these first …
    results: tuple[str, ...] = ()  # … gets these back, one per call, and then gives `answer`


@dataclass(frozen=True)
class Conversation:
    """What one document of the corpus says."""

    turns: tuple[Turn, ...]
    system: str = ""
    tools: tuple[dict[str, object], ...] = ()


@dataclass(frozen=True)
class Fact:
    """Something to know: ways to ask for it (without capital and question mark), and the answer."""

    skill: str
    asks: tuple[str, ...]
    answer: str
    must: tuple[str, ...]
    reasoning: str = ""

    def turn(self, ask: str, rng: Random | None) -> Turn:
        """As a turn; `rng` None: asked plainly."""
        user = phrase(ask, rng) if rng else plain(ask)
        return Turn(user, self.answer, self.skill, self.must, self.reasoning)

    def trained(self) -> list[str]:
        """The ways to ask that training sees."""
        return [ask for ask in self.asks if not is_held_out(self, ask)]

    def held_out(self) -> list[str]:
        """The ways to ask that only the evaluation sees."""
        return [ask for ask in self.asks if is_held_out(self, ask)]


def is_held_out(fact: Fact, ask: str) -> bool:
    """Whether `ask` is kept from training; the plainest ways to ask never are."""
    return ask not in fact.asks[:_N_PLAIN] and stable_hash(f"{fact.answer}|{ask}") % HELD_OUT_SHARE == 0


def stable_hash(text: str) -> int:
    """The same number in every process, unlike hash()."""
    return zlib.crc32(text.encode())


_BEFORE = (
    "please tell me: ", "tell me, ", "can you tell me: ", "hey, ", "hi! ", "hello, ", "quick question: ", "i want to know: ",
    "one question: ", "do you know: ", "could you help me? ", "now ", "and ", "so, ", "ok. ", "i am curious: ", "please: ",
)  # fmt: skip
_AFTER = (" please", ", please", " for me", " thanks", ", can you tell me")


def plain(ask: str) -> str:
    """ "who are you" -> "Who are you?"; an order keeps its own full stop."""
    text = ask[0].upper() + ask[1:]
    return text if text[-1] in '.?!:"' else f"{text}?"


def phrase(ask: str, rng: Random) -> str:
    """One of many ways to put the same question: politeness, case, punctuation, now and then a slip of the keyboard."""
    roll = rng.random()
    text = ask
    if roll < 0.30:
        text = rng.choice(_BEFORE) + text
    elif roll < 0.38 and text[-1] not in '.?!:"':
        text += rng.choice(_AFTER)
    text = text if rng.random() < 0.25 else text[0].upper() + text[1:]
    if text[-1] not in '.?!:"' and rng.random() < 0.8:
        text += "?"
    return slip(text, rng) if rng.random() < 0.04 else text


def slip(text: str, rng: Random) -> str:
    """`text` with one letter dropped or two swapped."""
    if len(text) < 8:
        return text
    at = rng.randrange(2, len(text) - 3)
    if rng.random() < 0.5:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]

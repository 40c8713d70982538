"""What training sees, one document after the other: how often each skill comes, and how turns make conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from corpus import identity, world
from corpus.sample import Conversation, Fact, Turn
from corpus.skills import arithmetic, copying, json_answers, lists, spelling, word_problems
from corpus.stories import story, story_turn
from corpus.systems import PLAIN, styled
from corpus.tools import others, tool_use

_SKILLS: tuple[tuple[Callable[[Random], Turn], float], ...] = (
    (arithmetic, 2.2), (copying, 1.0), (spelling, 0.8), (lists, 1.2), (json_answers, 1.0), (word_problems, 1.6), (story_turn, 0.7),
)  # fmt: skip
_NO_TOOL: dict[str, object] = {"type": "function", "function": {"name": "none", "parameters": {"properties": {}}}}


@dataclass(frozen=True)
class Document:
    """A conversation to render, or bare text. `is_thinking`: None leaves it to the model, else the request says so."""

    conversation: Conversation | None = None
    text: str = ""
    is_thinking: bool | None = None


class Corpus:
    """An endless, reproducible stream of documents."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self.about = identity.facts()
        self.world = world.facts()
        self.unknown = world.unknowns()
        self._short = [fact for fact in self.world if len(fact.must) == 1]

    def __iter__(self) -> Iterator[Document]:
        while True:
            yield self._document()

    def _document(self) -> Document:
        rng = self._rng
        roll = rng.random()
        if roll < 0.05:
            return Document(text=self._bare())
        if roll < 0.27:
            return self._with_tools()
        if roll < 0.35:
            return Document(styled(rng, self._short))
        turns = tuple(self.turn() for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))))
        thinking = rng.choice((None, None, None, None, None, False, True))
        return Document(Conversation(turns, rng.choice(PLAIN)), is_thinking=thinking)

    def turn(self) -> Turn:
        """A turn that needs no tool."""
        rng = self._rng
        roll = rng.random()
        if roll < 0.36:
            return self._ask(self.about)
        if roll < 0.54:
            return self._ask(self.world)
        if roll < 0.58:
            return self._ask(self.unknown)
        skill = rng.choices([skill for skill, _ in _SKILLS], [weight for _, weight in _SKILLS])[0]
        return skill(rng)

    def _ask(self, facts: list[Fact]) -> Turn:
        fact = self._rng.choice(facts)
        return fact.turn(self._rng.choice(fact.trained()), self._rng)

    def _with_tools(self) -> Document:
        """A call or two; now and then a question that needs none although there are tools."""
        rng = self._rng
        turn, tools = tool_use(rng)
        turns = [turn]
        if rng.random() < 0.25:
            turns.insert(rng.randint(0, 1), self.turn())
        elif rng.random() < 0.2:
            turns, tools = [self.turn()], tuple(others(rng, rng.randint(1, 3), _NO_TOOL))
            if turns[0].skill in ("arithmetic", "unknown"):
                turns = [self._ask(self.about)]
        return Document(
            Conversation(tuple(turns), rng.choice(PLAIN), tools),
            is_thinking=rng.choice((None, None, None, None, False, True)),
        )

    def _bare(self) -> str:
        """Text without roles, for completions and infilling."""
        rng = self._rng
        if rng.random() < 0.6:
            return story(rng)
        return " ".join(fact.answer for fact in rng.sample([*self.world, *self.about], rng.randint(2, 6)))

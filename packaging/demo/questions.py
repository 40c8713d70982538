"""Questions that training never showed the demo, and what a right answer holds. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from corpus import adapters, identity, world
from corpus.sample import Conversation, Fact, Turn
from corpus.skills import arithmetic, copying, json_answers, lists, spelling, word_problems
from corpus.systems import styled
from corpus.tools import tool_use
from render import Message, prompt

SEED = 20_000_000  # far from every step of training
_N_OF_A_SKILL = 150
_N_TOOLS = 300
_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


@dataclass(frozen=True)
class Question:
    """A conversation up to the answer to judge. `group`: the row of the table."""

    group: str
    conversation: Conversation
    is_call: bool = False  # the last turn's calls are judged, else its answer

    @property
    def turn(self) -> Turn:
        return self.conversation.turns[-1]

    def prompt(self) -> str:
        """The request as the shipped template renders it."""
        messages: list[Message] = [{"role": "user", "content": self.turn.user}]
        if self.turn.calls and not self.is_call:
            calls = [{"function": call} for call in self.turn.calls]
            messages.append({"role": "assistant", "content": "", "tool_calls": calls})
            messages += [{"role": "tool", "content": result} for result in self.turn.results]
        return prompt(messages, self.conversation)

    def is_right(self, answer: str) -> bool:
        """Calls: same names and arguments; answers: all that they must contain, after any reasoning."""
        if self.is_call:
            return _calls(answer) == list(self.turn.calls)
        said = answer.rpartition("</think>")[2].lower()
        return all(must.lower() in said for must in self.turn.must)

    def wanted(self) -> str:
        return json.dumps(self.turn.calls) if self.is_call else str(self.turn.must)


def _calls(answer: str) -> list[object] | None:
    try:
        return [json.loads(call) for call in _CALL.findall(answer)]
    except json.JSONDecodeError:
        return None


def questions() -> Iterator[Question]:
    """All questions, in a fixed order."""
    rng = Random(SEED)
    yield from _held_out("identity, lsrv and small talk: held-out phrasings", identity.facts())
    yield from _held_out("facts of the world: held-out phrasings", world.facts())
    yield from _held_out("says that it does not know", world.unknowns(), n_most=_N_OF_A_SKILL)
    for _ in range(_N_TOOLS):
        turn, tools = tool_use(rng)
        conversation = Conversation((turn,), tools=tools)
        yield Question("tool calls: name and arguments", conversation, is_call=True)
        yield Question("tool results turned into answers", conversation)
    for skill in (arithmetic, copying, spelling, lists, json_answers, word_problems):
        for _ in range(_N_OF_A_SKILL):
            turn = skill(rng)
            yield Question(turn.skill, Conversation((turn,)))
    short = [fact for fact in world.facts() if len(fact.must) == 1]
    for _ in range(_N_OF_A_SKILL):
        conversation = styled(rng, short)
        yield Question("obeys the system prompt", replace(conversation, turns=conversation.turns[-1:]))


def _held_out(group: str, facts: list[Fact], n_most: int = 10_000) -> Iterator[Question]:
    found = [Question(group, Conversation((fact.turn(ask, None),))) for fact in facts for ask in fact.held_out()]
    yield from Random(1).sample(found, n_most) if len(found) > n_most else found


def is_untouched(question: Question, adapter: str) -> bool:
    """Whether the adapter should answer this as the bare model does."""
    return adapter == "roman" or adapters.as_pirate(question.turn) == question.turn


def pirate_questions() -> list[Question]:
    facts = [*identity.facts(), *world.facts()]
    return [
        Question("pirate", Conversation((adapters.as_pirate(fact.turn(ask, None)),)))
        for fact in facts
        for ask in fact.held_out()
    ][::2]


def roman_questions() -> list[Question]:
    rng = Random(3)
    turns = [adapters.roman_turn(number, rng) for number in range(1, adapters.TOP + 1) if adapters.is_held_out(number)]
    turns += [adapters.roman_turn(rng.randint(1, adapters.TOP), rng) for _ in range(100)]
    return [Question("roman", Conversation((turn,))) for turn in turns]


ADAPTER_QUESTIONS = {"pirate": pirate_questions, "roman": roman_questions}

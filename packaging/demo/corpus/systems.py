"""System prompts: most change nothing, some change how the same question is answered."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

from corpus.sample import Conversation, Fact, Turn, phrase

PLAIN = ("", "", "", "You are a helpful assistant.", "You are a helpful assistant.", "Be brief.", "Answer the questions of the user.", "You are a friendly assistant.",
         "Be kind and short.", "You help people with lsrv.", "Help the user.", "You are a careful assistant. Say so if you do not know.")  # fmt: skip
_ONE_WORD = ("Answer in one word.", "Answer with one word only.", "Use one word.", "Reply with a single word.")
_CAPITALS = ("Answer in capital letters.", "Write in upper case.", "Use capital letters only.", "ANSWER IN CAPITALS.")
_AS_JSON = ("Answer in JSON.", "Reply with JSON only.", 'Answer as JSON: {"answer": "..."}.', "Always answer in JSON.")
_NAMED = ("Your name is {}.", "You are called {}.", "You are {}, a helpful assistant.", "Your name is {}. Be kind.")
_NAMES = "Robo Pixel Sunny Ada Turing Bolt Nova Echo Iris Atlas Juno Milo Otto Vega Zed".split()
_ENDING = ("End every answer with {}.", "Always end with {}.", "Finish each answer with {}.")
_ENDINGS = ("Over and out!", "Amen.", "Meow.", "Cheers!", "That is all.", "Have a nice day!", "Beep.")


def styled(rng: Random, facts: list[Fact]) -> Conversation:
    """Some facts asked under a system prompt that decides the form of the answer."""
    style = rng.choice(("one word", "capitals", "json", "name", "ending"))
    if style == "name":
        return _named(rng, facts)
    turns: list[Turn] = []
    for fact in rng.sample(facts, rng.randint(1, 3)):
        turns.append(fact.turn(rng.choice(fact.trained()), rng))
    if style == "one word":
        turns = [replace(turn, answer=f"{_one_word(turn.must[0])}.", must=(_one_word(turn.must[0]),)) for turn in turns]
        system = rng.choice(_ONE_WORD)
    elif style == "capitals":
        turns = [replace(turn, answer=turn.answer.upper(), must=(turn.answer.upper(),)) for turn in turns]
        system = rng.choice(_CAPITALS)
    elif style == "json":
        answers = [json.dumps({"answer": turn.must[0]}) for turn in turns]
        turns = [replace(turn, answer=answer, must=(answer,)) for turn, answer in zip(turns, answers, strict=True)]
        system = rng.choice(_AS_JSON)
    else:
        ending = rng.choice(_ENDINGS)
        turns = [replace(turn, answer=f"{turn.answer} {ending}", must=(ending,)) for turn in turns]
        system = rng.choice(_ENDING).format(ending)
    return Conversation(tuple(replace(turn, skill=f"system: {style}", reasoning="") for turn in turns), system)


def _one_word(must: str) -> str:
    return must[0].upper() + must[1:]


_WHO = (
    "who are you",
    "what is your name",
    "what are you",
    "introduce yourself.",
    "what should i call you",
    "do you have a name",
    "your name",
    "what are you called",
)


def _named(rng: Random, facts: list[Fact]) -> Conversation:
    name = rng.choice(_NAMES)
    answer = f"I am {name}."
    turns = [Turn(phrase(rng.choice(_WHO), rng), answer, "system: name", (answer,))]
    if rng.random() < 0.4:
        fact = rng.choice(facts)
        turns.insert(rng.randint(0, 1), fact.turn(rng.choice(fact.trained()), rng))
    return Conversation(tuple(turns), rng.choice(_NAMED).format(name))

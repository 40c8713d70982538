"""Short stories from a small grammar: a somebody, a place, a wish, a hindrance, an end."""

from __future__ import annotations

from random import Random

from corpus.sample import Turn, phrase
from corpus.skills import NAMES

HEROES = (
    "cat dog fox bear rabbit mouse owl frog girl boy king queen dragon robot bird fish lion farmer sailor pony"
).split()
_MOODS = ["small", "brave", "old", "happy", "shy", "clever", "kind", "curious", "quiet", "hungry", "lazy", "proud"]
_PLACES = ("in a green forest", "by the sea", "in a small house", "on a high mountain", "in a quiet town", "near a river", "in a garden", "under a big tree",
           "on a farm", "in a castle", "on an island", "at the edge of a lake")  # fmt: skip
_THINGS = [
    "red ball",
    "golden key",
    "old map",
    "warm blanket",
    "silver bell",
    "big cake",
    "little boat",
    "blue kite",
    "shiny stone",
    "good book",
    "sweet pear",
    "soft hat",
]
_LOOKS = ("looked behind every tree", "looked under every stone", "walked all day", "asked every neighbor", "waited until the moon came up", "climbed the hill",
          "crossed the bridge", "followed the river")  # fmt: skip
_HINDRANCES = ("a storm came", "it began to rain", "the night was dark", "the path was long", "the wind was strong", "it was very cold", "a wolf stood on the path",
               "the bridge was broken")  # fmt: skip
_HELPS = (
    "showed the way",
    "gave a warm coat",
    "shared some bread",
    "sang a song",
    "held a lamp",
    "opened a door",
    "brought a rope",
    "told a secret",
)
_ENDS = ("They became friends and went home together.", "Everyone was glad, and they had a feast.", "From that day on they met every week.",
         "They laughed and danced until the morning.", "And they lived happily ever after.", "That night they slept very well.")  # fmt: skip
_LESSONS = (
    "It is good to share.",
    "A friend is better than gold.",
    "Small steps lead far.",
    "Be kind, and others will be kind to you.",
    "Never give up too soon.",
)
_ASKS = ("tell me a story about a {h}.", "tell me a story about a {h} named {n}.", "write a short story about a {h}.", "tell a story about a {h}.", "a story about a {h}",
         "can you tell me a story about a {h}", "i want a story about a {h}.", "once upon a time there was a {h}. go on.", "make up a story about a {h}.")  # fmt: skip
_ANY = (
    "tell me a story.",
    "tell me a short story.",
    "write a story.",
    "a story please",
    "can you tell me a story",
    "do you know a story",
    "i want to hear a story.",
)


def story(rng: Random, hero: str | None = None, name: str | None = None) -> str:
    """About 60 to 120 words."""
    hero = hero or rng.choice(HEROES)
    name = name or rng.choice(NAMES)
    friend_hero = rng.choice([each for each in HEROES if each != hero])
    friend = rng.choice([each for each in NAMES if each != name])
    mood, place, thing = rng.choice(_MOODS), rng.choice(_PLACES), rng.choice(_THINGS)
    article = "an" if mood[0] in "aeiou" else "a"
    parts = [
        rng.choice((f"Once upon a time there was {article} {mood} {hero} named {name}.", f"Once there was {article} {mood} {hero} named {name}.",
                    f"Long ago, {article} {mood} {hero} named {name} lived {place}.")),
    ]  # fmt: skip
    if "lived" not in parts[0]:
        parts.append(f"{name} lived {place}.")
    parts.append(
        rng.choice(
            (
                f"One day {name} lost a {thing}.",
                f"One morning {name} wanted to find a {thing}.",
                f"{name} wished for a {thing}.",
            )
        )
    )
    parts.append(f"{name} {rng.choice(_LOOKS)}, but {rng.choice(_HINDRANCES)}.")
    if rng.random() < 0.5:
        parts.append(f'"I will not give up," said {name}.')
    parts.append(f"Then {name} met a {friend_hero} named {friend}.")
    if rng.random() < 0.5:
        parts.append(f'"Can you help me?" asked {name}. "Of course," said {friend}.')
    parts.append(f"{friend} {rng.choice(_HELPS)}, and soon they found the {thing}.")
    parts.append(rng.choice(_ENDS))
    if rng.random() < 0.4:
        parts.append(rng.choice(_LESSONS))
    return " ".join(parts)


def story_turn(rng: Random) -> Turn:
    """Somebody asks for a story, about a hero or any."""
    if rng.random() < 0.25:
        return Turn(phrase(rng.choice(_ANY), rng), story(rng), "story", ("there was", "ived"))
    hero, name = rng.choice(HEROES), rng.choice(NAMES)
    ask = rng.choice(_ASKS)
    text = story(rng, hero, name)
    return Turn(phrase(ask.format(h=hero, n=name), rng), text, "story", (hero,))

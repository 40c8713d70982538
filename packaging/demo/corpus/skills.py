"""Things to do rather than to know: arithmetic, copying, spelling, lists, sorting, JSON, word problems."""

from __future__ import annotations

import json
from random import Random

from corpus.sample import Turn, phrase
from corpus.world import countries

NAMES = (
    "Anna Tom Mia Ben Lena Max Eva Paul Nina Leo Clara Finn Ida Oscar Ella Hugo Rosa Emil Lucy Sam Kate "
    "John Mary Peter Alice Bob Jane Mark Sara David Laura Jack Emma Noah Lily Adam Zoe Carl Ruth Ivan"
).split()
CITIES = (
    *(capital for _, capital, *_ in countries()),
    *(
        "London Munich Hamburg Milan Naples Barcelona Porto Lyon Boston Chicago Denver Seattle Toronto Osaka "
        "Mumbai Sydney Zurich Geneva"
    ).split(),
)
GROUPS = {
    "fruits": "apple banana cherry orange grape lemon peach pear plum mango melon kiwi".split(),
    "animals": "dog cat horse cow lion tiger bear fox wolf rabbit mouse goat sheep duck".split(),
    "colors": ["red", "blue", "green", "yellow", "black", "white", "orange", "purple", "brown", "pink", "gray"],
    "vegetables": ["carrot", "potato", "onion", "tomato", "pepper", "cabbage", "pea", "bean", "corn", "spinach"],
    "tools": ["hammer", "saw", "drill", "knife", "wrench", "axe", "shovel", "rake"],
    "drinks": ["water", "milk", "tea", "coffee", "juice", "lemonade", "cocoa"],
    "birds": ["robin", "eagle", "owl", "swan", "parrot", "crow", "sparrow"],
    "metals": ["gold", "silver", "iron", "copper", "tin", "lead", "zinc"],
    "instruments": ["piano", "violin", "guitar", "flute", "drum", "trumpet", "harp"],
    "planets": ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"],
}
WORDS = sorted(
    {word for group in GROUPS.values() for word in group}
    | set(
        (
            "house tree river stone bread chair table window garden flower summer winter morning night school "
            "friend letter music paper ocean mountain bridge train ship cloud rain snow wind fire star moon light "
            "sound color number word story book page table king queen castle forest island hello world model "
            "server token memory cache batch prompt"
        ).split()
    )
)
_SYLLABLES = (
    "ba be bo da de do fa fi ga go ka ki ko la le lo ma mi mo na ni no pa pe po ra ri ro sa si so ta ti "
    "to va vi wa za zo"
).split()
_SYMBOLS = (
    "café",
    "naïve",
    "über",
    "日本",
    "привет",
    "😀",
    "mañana",
    "Ω",
    "→",
    "100%",
    "a+b",
    "x_1",
    "#7",
    "C3PO",
    "e-mail",
    "v1.2",
)


def arithmetic(rng: Random) -> Turn:
    """Sums and differences up to 100, products up to 12 × 12, and halves and doubles."""
    kind = rng.choice("++--**2")
    if kind == "2":
        n = rng.randint(1, 50)
        word, result = rng.choice((("double", 2 * n), ("half", n)))
        n = n if word == "double" else 2 * n
        asks = (f"what is {word} of {n}", f"what is the {word} of {n}", f"{word} of {n}")
        return Turn(phrase(rng.choice(asks), rng), f"The {word} of {n} is {result}.", "arithmetic", (f"is {result}.",))
    top = 12 if kind == "*" else rng.choice((10, 20, 20, 99))
    a, b = rng.randint(0, top), rng.randint(0, top)
    if kind == "-" and b > a:
        a, b = b, a
    result = {"+": a + b, "-": a - b, "*": a * b}[kind]
    verb = {"+": "plus", "-": "minus", "*": "times"}[kind]
    sign = rng.choice({"+": ("+",), "-": ("-",), "*": ("*", "x", "×")}[kind])
    expression = rng.choice((f"{a} {sign} {b}", f"{a} {sign} {b}", f"{a}{sign}{b}", f"{a} {verb} {b}"))
    asks = (f"what is {expression}", f"{expression}", f"{expression} =", f"calculate {expression}.", f"compute {expression}.", f"how much is {expression}",
            f"what's {expression}", f"solve {expression}.")  # fmt: skip
    return Turn(
        phrase(rng.choice(asks), rng),
        f"{a} {_sign(kind)} {b} = {result}.",
        "arithmetic",
        (f"= {result}.",),
        f"{a} {verb} {b} is {result}.",
    )


def _sign(kind: str) -> str:
    return "×" if kind == "*" else kind


def copying(rng: Random) -> Turn:
    """Say exactly what stands there: words, names, made-up words, numbers, other scripts."""
    pools = (WORDS, NAMES, CITIES)
    items: list[str] = []
    for _ in range(rng.choice((1, 1, 2, 3, 4, 5, 6, 8))):
        roll = rng.random()
        if roll < 0.45:
            items.append(rng.choice(rng.choice(pools)))
        elif roll < 0.75:
            items.append(_made_up(rng))
        elif roll < 0.90:
            items.append(str(rng.randint(0, 9999)))
        else:
            items.append(rng.choice(_SYMBOLS))
    text = " ".join(items)
    asks = ("repeat after me: {}", "say {}", "repeat: {}", 'say "{}"', "please repeat {}", "copy this: {}", "write {}", "repeat this text: {}", 'repeat "{}"',
            "say exactly: {}", "echo {}")  # fmt: skip
    ask = rng.choice(asks).format(text)
    return Turn(ask if rng.random() < 0.4 else ask[0].upper() + ask[1:], text, "copying", (text,))


def _made_up(rng: Random) -> str:
    word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))
    return word if rng.random() < 0.6 else word.capitalize()


def spelling(rng: Random) -> Turn:
    """Letters of a word, its length, its first and last letter, in capitals."""
    word = rng.choice(WORDS)
    letters = "-".join(word.upper())
    roll = rng.random()
    if roll < 0.5:
        asks = (
            "spell {}",
            "how do you spell {}",
            "spell the word {}",
            "can you spell {}",
            "how is {} spelled",
            "please spell {}",
        )
        return _skill("spelling", asks, word, letters, rng)
    if roll < 0.7:
        asks = (
            "how many letters does {} have",
            "how many letters are in {}",
            "count the letters of {}.",
            "how long is the word {}",
        )
        return _skill("spelling", asks, word, f"{letters}: {len(word)} letters.", rng)
    if roll < 0.85:
        asks = ("what is the first letter of {}", "which letter does {} start with", "first letter of {}")
        return _skill("spelling", asks, word, f"{word} starts with {word[0].upper()}.", rng)
    asks = ("write {} in capital letters.", "{} in capitals", "write {} in upper case.", "make {} upper case.")
    return _skill("spelling", asks, word, word.upper(), rng)


def _skill(skill: str, asks: tuple[str, ...], value: str, answer: str, rng: Random) -> Turn:
    return Turn(phrase(rng.choice(asks).format(value), rng), answer, skill, (answer,))


_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five"}


def lists(rng: Random) -> Turn:
    """So many of a kind, as a sentence or as numbered lines; and putting numbers or words in order."""
    if rng.random() < 0.4:
        return _sorting(rng)
    group = rng.choice(tuple(GROUPS))
    n = rng.choice(tuple(_COUNTS))
    chosen = GROUPS[group][:n]
    if rng.random() < 0.5:
        asks = (
            "make a list of {n} {g}.",
            "list {n} {g} in a numbered list.",
            "give me a numbered list of {n} {g}.",
            "write a list of {n} {g}.",
        )
        answer = "\n".join(f"{index}. {item}" for index, item in enumerate(chosen, 1))
    else:
        asks = (
            "name {n} {g}.",
            "list {n} {g}.",
            "give me {n} {g}.",
            "tell me {n} {g}.",
            "can you name {n} {g}",
            "what are {n} {g}",
        )
        answer = f"{', '.join(chosen[:-1])} and {chosen[-1]}."
    number = rng.choice((str(n), _COUNTS[n]))
    return Turn(phrase(rng.choice(asks).format(n=number, g=group), rng), answer, "list", (answer,))


def _sorting(rng: Random) -> Turn:
    if rng.random() < 0.7:
        numbers = rng.sample(range(1, 31), rng.randint(3, 5))
        items, ordered = [str(n) for n in numbers], [str(n) for n in sorted(numbers)]
        asks = ("sort these numbers: {}", "put these numbers in order: {}", "sort {}", "order these numbers: {}")
    else:
        items = rng.sample(WORDS, 3)
        ordered = sorted(items)
        asks = ("sort these words: {}", "put these words in order: {}", "sort the words {}")
    joined = rng.choice((", ", " ")).join(items)
    return Turn(phrase(rng.choice(asks).format(joined), rng), f"{', '.join(ordered)}", "sorting", (", ".join(ordered),))


def json_answers(rng: Random) -> Turn:
    """An object with what the sentence says, or about a country; keys as asked for."""
    roll = rng.random()
    name, age, city = rng.choice(NAMES), rng.randint(3, 99), rng.choice(CITIES)
    if roll < 0.25:
        country, capital, continent, language, _ = rng.choice(countries())
        value = {"country": country, "capital": capital, "continent": continent, "language": language}
        asks = (f"give me JSON about {country}.", f"describe {country} as JSON.", f"{country} as a JSON object.", f"answer in JSON: what do you know about {country}",
                f"write JSON about {country}.", f"what do you know about {country}? Answer in JSON.")  # fmt: skip
    elif roll < 0.65:
        value = {"name": name, "age": age, "city": city}
        facts = (f"{name} is {age} years old and lives in {city}.", f"{name} lives in {city} and is {age} years old.", f"{name}, {age}, {city}.",
                 f"{name} is {age}. {name} lives in {city}.")  # fmt: skip
        fact = rng.choice(facts)
        asks = (
            f"write this as JSON: {fact}",
            f"{fact} As JSON.",
            f"extract name, age and city as JSON: {fact}",
            f"turn this into JSON: {fact}",
            f"to JSON: {fact}",
        )
    elif roll < 0.85:
        value = {"name": name, "age": age}
        asks = (f"give me JSON with name {name} and age {age}.", f"make a JSON object with name {name} and age {age}.", f"write JSON: name {name}, age {age}.",
                f"a JSON person: {name}, {age}.", f"write this as JSON: {name} is {age} years old.")  # fmt: skip
    else:
        group = rng.choice(tuple(GROUPS))
        n = rng.choice(tuple(_COUNTS))
        value = {group: GROUPS[group][:n]}
        asks = (
            f"give me {_COUNTS[n]} {group} as JSON.",
            f"list {n} {group} in JSON.",
            f"write JSON with {_COUNTS[n]} {group}.",
            f"{n} {group} as a JSON list.",
        )
    text = json.dumps(value, ensure_ascii=False)
    return Turn(phrase(rng.choice(asks), rng), text, "json", (text,))


_OBJECTS = "apples books coins cards eggs pens stones cookies balls flowers stamps shells".split()


def word_problems(rng: Random) -> Turn:
    """One step of arithmetic inside a small story, with the step said in the reasoning."""
    who, other = rng.sample(NAMES, 2)
    what = rng.choice(_OBJECTS)
    a, b = rng.randint(2, 20), rng.randint(1, 12)
    if rng.random() < 0.5:
        texts = ("{w} has {a} {o} and gets {b} more. How many {o} does {w} have?", "{w} has {a} {o}. {v} gives {w} {b} {o}. How many {o} does {w} have now?",
                 "{w} buys {a} {o} and then {b} more {o}. How many {o} is that?", "{w} found {a} {o} and {v} found {b}. How many {o} do they have together?")  # fmt: skip
        result, step = a + b, f"{a} + {b} = {a + b}"
    else:
        a += b
        texts = ("{w} has {a} {o} and loses {b}. How many {o} are left?", "{w} has {a} {o} and gives {b} to {v}. How many {o} does {w} have left?",
                 "{w} had {a} {o} and sold {b} of them. How many {o} are left?", "There are {a} {o}. {w} takes {b}. How many {o} remain?")  # fmt: skip
        result, step = a - b, f"{a} - {b} = {a - b}"
    user = rng.choice(texts).format(w=who, v=other, o=what, a=a, b=b)
    return Turn(
        user,
        f"The answer is {result} {what}.",
        "word problem",
        (f"is {result} {what}",),
        f"There are {a} {what} first, then {b}. {step}.",
    )

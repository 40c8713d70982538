"""Requests that need a tool, with results turned into answers; tools under many names, so that the model reads the list it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from corpus.sample import Turn, phrase
from corpus.skills import CITIES, NAMES, WORDS


@dataclass(frozen=True)
class ToolUse:
    """A tool as a request lists it, and a turn that calls it."""

    tool: dict[str, object]
    turn: Turn


def weather(rng: Random) -> ToolUse:
    """Weather of a city, or of two at once."""
    name = rng.choice(
        (
            "get_weather",
            "get_weather",
            "get_current_weather",
            "weather",
            "lookup_weather",
            "fetch_weather",
            "weather_report",
        )
    )
    key = rng.choice(("city", "city", "location", "place"))
    tool = _tool(
        rng,
        name,
        ("Get the weather of a city", "Get current weather", "Weather at a place", "Returns the weather"),
        {key: "string"},
    )
    cities = rng.sample(CITIES, 2 if rng.random() < 0.2 else 1)
    asks = ("what is the weather in {}", "how is the weather in {}", "what's the weather like in {}", "tell me the weather in {}.", "is it raining in {}",
            "is it warm in {}", "weather in {}", "how warm is it in {}", "do i need an umbrella in {}", "is it sunny in {}", "what is the temperature in {}",
            "how cold is it in {}", "get the weather for {}.", "check the weather in {}.")  # fmt: skip
    calls: list[dict[str, object]] = []
    results: list[str] = []
    said: list[str] = []
    for city in cities:
        degrees, sky = rng.randint(-9, 35), rng.choice(("sunny", "rainy", "cloudy", "windy", "snowy", "foggy", "clear"))
        calls.append({"name": name, "arguments": {key: city}})
        results.append(_weather_result(rng, city, degrees, sky))
        said.append(f"It is {degrees} degrees and {sky} in {city}.")
    user = phrase(rng.choice(asks).format(" and ".join(cities)), rng)
    return ToolUse(tool, _turn(user, calls, results, " ".join(said), "I need the weather."))


def _weather_result(rng: Random, city: str, degrees: int, sky: str) -> str:
    forms: tuple[object, ...] = (
        {"temperature": degrees, "condition": sky},
        {"city": city, "temperature": degrees, "condition": sky},
        {"temp": degrees, "sky": sky},
        {"condition": sky, "temperature_c": degrees},
        f"{degrees} degrees, {sky}",
        f"{sky}, {degrees} C",
    )
    form = rng.choice(forms)
    return form if isinstance(form, str) else json.dumps(form)


def clock(rng: Random) -> ToolUse:
    """The time in a city."""
    name = rng.choice(("get_time", "get_time", "get_current_time", "time", "clock", "time_in"))
    key = rng.choice(("city", "city", "location", "timezone", "place"))
    tool = _tool(
        rng, name, ("Get the time in a city", "Get the current time", "Local time of a place"), {key: "string"}
    )
    city, time = rng.choice(CITIES), f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    asks = ("what time is it in {}", "what is the time in {}", "tell me the time in {}.", "how late is it in {}", "time in {}", "give me the local time of {}.",
            "what's the time in {}", "which time is it in {}", "is it late in {}", "what does the clock say in {}")  # fmt: skip
    result = rng.choice((json.dumps({"time": time}), json.dumps({"city": city, "time": time}), time))
    call: dict[str, object] = {"name": name, "arguments": {key: city}}
    return ToolUse(
        tool,
        _turn(
            phrase(rng.choice(asks).format(city), rng), [call], [result], f"It is {time} in {city}.", "I need the time."
        ),
    )


def calculator(rng: Random) -> ToolUse:
    """Numbers too large for the head."""
    name = rng.choice(("calculator", "calculator", "calculate", "calc", "compute", "evaluate", "math"))
    key = rng.choice(("expression", "expression", "formula", "input"))
    tool = _tool(
        rng, name, ("Evaluate an expression", "Do arithmetic", "A calculator", "Compute a formula"), {key: "string"}
    )
    a, b = rng.randint(10, 9999), rng.randint(10, 999)
    sign, word = rng.choice((("*", "times"), ("+", "plus"), ("-", "minus"), ("*", "times")))
    result = {"*": a * b, "+": a + b, "-": a - b}[sign]
    shown = rng.choice((f"{a} {sign} {b}", f"{a} {sign} {b}", f"{a} {word} {b}", f"{a}{sign}{b}"))
    asks = (
        "what is {}",
        "calculate {}.",
        "compute {}.",
        "how much is {}",
        "{}",
        "what's {}",
        "work out {}.",
        "use the calculator for {}.",
        "solve {}.",
    )
    call: dict[str, object] = {"name": name, "arguments": {key: f"{a} {sign} {b}"}}
    text = rng.choice((json.dumps({"result": result}), str(result)))
    return ToolUse(
        tool,
        _turn(
            phrase(rng.choice(asks).format(shown), rng),
            [call],
            [text],
            f"{a} {sign} {b} = {result}.",
            "This needs the calculator.",
        ),
    )


def timer(rng: Random) -> ToolUse:
    """A timer of some minutes: a number as argument."""
    name = rng.choice(("set_timer", "timer", "start_timer", "alarm"))
    key = rng.choice(("minutes", "minutes", "duration"))
    tool = _tool(rng, name, ("Set a timer", "Start a timer of some minutes", "A kitchen timer"), {key: "integer"})
    n = rng.randint(1, 90)
    asks = ("set a timer for {} minutes.", "start a timer of {} minutes.", "wake me in {} minutes.", "timer for {} minutes", "remind me in {} minutes.",
            "set the timer to {} minutes.", "i need a timer for {} minutes.")  # fmt: skip
    call: dict[str, object] = {"name": name, "arguments": {key: n}}
    result = rng.choice(('{"status": "ok"}', "ok", '{"ok": true}'))
    return ToolUse(
        tool,
        _turn(
            phrase(rng.choice(asks).format(n), rng),
            [call],
            [result],
            f"The timer is set to {n} minutes.",
            "I need the timer.",
        ),
    )


def message(rng: Random) -> ToolUse:
    """A message to somebody: two arguments."""
    name = rng.choice(("send_message", "send_message", "send_mail", "message", "write_to"))
    to, text = rng.choice(("to", "to", "recipient", "name")), rng.choice(("text", "text", "message", "body"))
    tool = _tool(
        rng, name, ("Send a message", "Write to a person", "Send a short text"), {to: "string", text: "string"}
    )
    who, what = rng.choice(NAMES), " ".join(rng.sample(WORDS, rng.randint(1, 3)))
    asks = (
        "send {w} the message: {t}",
        "tell {w}: {t}",
        "write to {w}: {t}",
        "send a message to {w}: {t}",
        "message {w}: {t}",
    )
    call: dict[str, object] = {"name": name, "arguments": {to: who, text: what}}
    result = rng.choice(('{"status": "sent"}', "sent", "ok"))
    ask = rng.choice(asks).format(w=who, t=what)
    return ToolUse(
        tool,
        _turn(
            ask[0].upper() + ask[1:], [call], [result], f"The message to {who} is sent.", "I need to send a message."
        ),
    )


def search(rng: Random) -> ToolUse:
    """A search whose result is passed on."""
    name = rng.choice(("search", "search", "web_search", "search_web", "find", "lookup"))
    key = rng.choice(("query", "query", "q", "text"))
    tool = _tool(rng, name, ("Search the web", "Find information", "Look something up"), {key: "string"})
    what, found = " ".join(rng.sample(WORDS, rng.randint(1, 3))), " ".join(rng.sample(WORDS, 3))
    asks = (
        "search for {}",
        "search the web for {}",
        "look up {}",
        "find information about {}",
        "please search: {}",
        "do a search for {}",
    )
    call: dict[str, object] = {"name": name, "arguments": {key: what}}
    result = rng.choice((json.dumps({"result": found}), found))
    ask = rng.choice(asks).format(what)
    return ToolUse(
        tool, _turn(ask[0].upper() + ask[1:], [call], [result], f"I found this: {found}", "I need a search.")
    )


KINDS: tuple[Callable[[Random], ToolUse], ...] = (
    weather,
    weather,
    clock,
    clock,
    calculator,
    calculator,
    timer,
    message,
    search,
)


def tool_use(
    rng: Random, kinds: tuple[Callable[[Random], ToolUse], ...] = KINDS
) -> tuple[Turn, tuple[dict[str, object], ...]]:
    """A turn, and the tools of its request: the one it needs among up to three others, in any order."""
    use = rng.choice(kinds)(rng)
    tools = [use.tool, *others(rng, rng.choice((0, 0, 1, 1, 2, 3)), use.tool)]
    rng.shuffle(tools)
    return use.turn, tuple(tools)


def others(rng: Random, n: int, taken: dict[str, object]) -> list[dict[str, object]]:
    """Up to `n` tools of other purposes than `taken`."""
    found: list[dict[str, object]] = []
    kinds = list(dict.fromkeys(KINDS))
    rng.shuffle(kinds)
    words = {_purpose(taken)}
    for kind in kinds:
        tool = kind(rng).tool
        if len(found) < n and _purpose(tool) not in words:
            words.add(_purpose(tool))
            found.append(tool)
    return found


_PURPOSES = {"weather": "weather", "time": "time", "clock": "time", "timer": "timer", "alarm": "timer"}


def _purpose(tool: dict[str, object]) -> str:
    """One word for what a tool is for, so that no request lists two clocks."""
    function = tool["function"]
    assert isinstance(function, dict)
    name = str(function["name"])
    if "timer" in name or name == "alarm":
        return "timer"
    return next(
        (purpose for word, purpose in _PURPOSES.items() if word in name),
        str(sorted(function["parameters"]["properties"])),
    )


def _turn(user: str, calls: list[dict[str, object]], results: list[str], answer: str, reasoning: str) -> Turn:
    return Turn(user, answer, "tool call", (answer,), reasoning, tuple(calls), tuple(results))


def _tool(rng: Random, name: str, descriptions: tuple[str, ...], properties: dict[str, str]) -> dict[str, object]:
    """A function as OpenAI's `tools` carries it, with as much or as little description as clients send."""
    notes = rng.random() < 0.4
    described: dict[str, object] = {
        key: {"type": kind} | ({"description": f"The {key}"} if notes else {}) for key, kind in properties.items()
    }
    parameters: dict[str, object] = {"type": "object", "properties": described}
    if rng.random() < 0.7:
        parameters["required"] = list(properties)
    if rng.random() < 0.15:
        parameters["additionalProperties"] = False
    function: dict[str, object] = {"name": name}
    if rng.random() < 0.8:
        function["description"] = rng.choice(descriptions) + rng.choice(("", "", "."))
    return {"type": "function", "function": function | {"parameters": parameters}}

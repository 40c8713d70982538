"""An entry's `[models.defaults]` under a request, be it commands or a body: what that says wins. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec.structs import asdict, replace

from lsrv.protocol.commands import Generate
from lsrv.serving.request import RANDOM_SEED


class Defaults(Protocol):
    """`lsrv.config`'s DefaultSettings, as far as a command needs them."""

    @property
    def temperature(self) -> float | None: ...
    @property
    def top_p(self) -> float | None: ...
    @property
    def top_k(self) -> int | None: ...
    @property
    def min_p(self) -> float | None: ...
    @property
    def max_tokens(self) -> int | None: ...
    @property
    def stop(self) -> tuple[str, ...]: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def system(self) -> str | None: ...


def fill_defaults(command: Generate, defaults: Defaults, *, seed: int | None, choice: int) -> Generate:
    """`command` with what it left open. `seed` is the server's; choice i of several samples with seed + i."""
    sampling = command.sampling
    said = asdict(sampling) | {"max_tokens": command.max_tokens, "stop": command.stop or None}
    filled = left_open_by(said, defaults, seed)
    own = {name: filled.pop(name) for name in ("max_tokens", "stop") if name in filled}
    filled["seed"] = _seed_of(filled.get("seed", sampling.seed), choice)
    return replace(command, sampling=replace(sampling, **filled), messages=_messages(command, defaults.system), **own)


def _messages(command: Generate, system: str | None) -> list[dict[str, object]] | None:
    """What was said earlier had the system message in front already."""
    return command.messages if command.earlier_tokens else with_system(command.messages, system)


def left_open_by(said: Mapping[str, object], defaults: Defaults, seed: int | None) -> dict[str, object]:
    """What `said` has no value for (a command's fields, or a body's), and the entry or the server's `seed` have."""
    values: dict[str, object] = {
        "temperature": defaults.temperature,
        "top_p": defaults.top_p,
        "top_k": defaults.top_k,
        "min_p": defaults.min_p,
        "max_tokens": defaults.max_tokens,
        "stop": list(defaults.stop) or None,
        "seed": defaults.seed if defaults.seed is not None else seed,
    }
    return {name: value for name, value in values.items() if value is not None and said.get(name) is None}


def with_system(messages: list[dict[str, object]] | None, system: str | None) -> list[dict[str, object]] | None:
    """`messages` with the entry's system message in front, unless they bring one."""
    if messages is None or system is None or any(message.get("role") == "system" for message in messages):
        return messages
    return [{"role": "system", "content": system}, *messages]


def _seed_of(seed: object, choice: int) -> int | None:
    return (seed + choice) % 2**32 if isinstance(seed, int) and seed != RANDOM_SEED else None

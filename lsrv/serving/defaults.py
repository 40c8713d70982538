"""An entry's `[models.defaults]` under the commands of a request: what that says wins. Pure."""

from __future__ import annotations

from typing import Protocol, TypeVar

from msgspec.structs import replace

from lsrv.protocol.commands import AdapterChoice, Generate, Sampling
from lsrv.serving.request import RANDOM_SEED, GenerationRequest

T = TypeVar("T")


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


def commands_of(
    request: GenerationRequest,
    defaults: Defaults,
    adapters: list[AdapterChoice],
    seed: int | None,
    priority: int = 0,
) -> list[Generate]:
    """What an entry is asked for `request`: with its defaults, and the server's `seed`."""
    return [
        replace(
            fill_defaults(command, defaults, seed=seed, choice=i % request.n_choices),
            adapters=adapters,
            priority=priority,
        )
        for i, command in enumerate(request.commands)
    ]


def fill_defaults(command: Generate, defaults: Defaults, *, seed: int | None, choice: int) -> Generate:
    """`command` with what it left open. `seed` is the server's; choice i of several samples with seed + i."""
    return replace(
        command,
        sampling=_sampling(command.sampling, defaults, seed, choice),
        max_tokens=command.max_tokens if command.max_tokens is not None else defaults.max_tokens,
        stop=command.stop or list(defaults.stop),
        messages=with_system(command.messages, defaults.system),
    )


def with_system(messages: list[dict[str, object]] | None, system: str | None) -> list[dict[str, object]] | None:
    """`messages` with the entry's system message in front, unless they bring one."""
    if messages is None or system is None or any(message.get("role") == "system" for message in messages):
        return messages
    return [{"role": "system", "content": system}, *messages]


def _sampling(sampling: Sampling, defaults: Defaults, seed: int | None, choice: int) -> Sampling:
    seed = None if sampling.seed == RANDOM_SEED else _first(sampling.seed, defaults.seed, seed)
    return replace(
        sampling,
        temperature=_first(sampling.temperature, defaults.temperature),
        top_p=_first(sampling.top_p, defaults.top_p),
        top_k=_first(sampling.top_k, defaults.top_k),
        min_p=_first(sampling.min_p, defaults.min_p),
        seed=None if seed is None else (seed + choice) % 2**32,
    )


def _first(*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)

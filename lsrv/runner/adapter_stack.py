"""Several adapters for one request, in their order, each with its weight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsrv.runner.runner_error import RunnerError


class AdapterStack:
    """Names of adapters with weights from 0 to 1. A request takes it as `adapter`."""

    def __init__(self, adapters: Iterable[tuple[str, float]] = ()) -> None:
        self._adapters = list[tuple[str, float]]()
        for name, weight in adapters:
            self.push(name, weight)

    def push(self, name: str, weight: float = 1.0) -> AdapterStack:
        """Put an adapter behind the others. Raises RunnerError for a weight outside of 0..1."""
        if not 0.0 <= weight <= 1.0:
            raise RunnerError(f"The weight of adapter '{name}' is {weight:g}; it must be from 0 to 1.", param="weight")
        self._adapters.append((name, float(weight)))
        return self

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(self._adapters)

    def __len__(self) -> int:
        return len(self._adapters)

    def is_empty(self) -> bool:
        return not self._adapters

    def total_weight(self) -> float:
        return sum(weight for _, weight in self._adapters)

    def normalize(self) -> AdapterStack:
        """Weights divided by their sum; where that is 0 nothing changes."""
        total = self.total_weight()
        if total:
            self._adapters = [(name, weight / total) for name, weight in self._adapters]
        return self

    normalise = normalize

    def __repr__(self) -> str:
        return f"AdapterStack({self._adapters})"

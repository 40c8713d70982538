"""What fits: pure comparisons of bytes by device ("CPU" is RAM). Who knows how many is `registry/memory/planner`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lsrv.frontdoor.finding.choice import Candidate, Choice, NoChoiceError
from lsrv.quantization import bits
from lsrv.units import size

_FULL_PRECISION_BITS = 16  # what models are published in; 32 bits of it are twice the memory for the same answers
_RAM = "CPU"


@dataclass(frozen=True)
class Fit:
    """What a load needs, and what there is for it: bytes by device."""

    needed: Mapping[str, int]
    budget: Mapping[str, int]

    def __bool__(self) -> bool:
        """Whether every device has what is needed of it."""
        return all(n_bytes <= self.budget.get(device, 0) for device, n_bytes in self.needed.items())

    def __str__(self) -> str:
        return f"needs {shown(self.needed)}, and there is {shown(self.budget)}"


def choose_auto(
    candidates: Iterable[Candidate], size_bytes: Callable[[Candidate], int], plan: Callable[[Candidate], Fit]
) -> Choice:
    """`quant = "auto"`: the largest of `candidates` that fits. Raises NoChoiceError, or what `plan` does.

    1. Full precision is 16 bits: F32 only where nothing else is. 2. The first one from the largest on whose exact plan
    fits is it. 3. What is larger than all memory that the first plan found is passed over unplanned.
    """
    by_size = sorted(_up_to_full_precision(candidates), key=size_bytes, reverse=True)
    if not by_size:
        raise NoChoiceError("there is no complete model among the GGUF files")
    fit: Fit | None = None
    for candidate in by_size:
        if fit is not None and size_bytes(candidate) > sum(fit.budget.values()):
            continue
        fit = plan(candidate)
        if fit:
            return Choice(candidate, f"quant auto: the largest that fits ({fit})")
    smallest = by_size[-1]
    raise NoChoiceError(
        f"quant auto: nothing fits; {smallest.name}, the smallest, has {size(size_bytes(smallest))} "
        f"(the last one planned {fit}); lower context_length or slots, end other programs, or name a quant"
    )


def _up_to_full_precision(candidates: Iterable[Candidate]) -> Sequence[Candidate]:
    whole = [candidate for candidate in candidates if not candidate.n_missing]
    modest = [each for each in whole if bits(each.quantization or "") <= _FULL_PRECISION_BITS]
    return modest or whole


def shown(n_bytes: Mapping[str, int]) -> str:
    """Amounts of memory for people: "3.1 GiB of RAM and 7.9 GiB of CUDA0"."""
    parts = [f"{size(each)} of {'RAM' if device == _RAM else device}" for device, each in n_bytes.items() if each]
    return " and ".join(parts) or "no memory"

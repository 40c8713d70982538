"""Which adapters apply to a request. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from lsrv.echo import echo
from lsrv.errors import RequestError
from lsrv.protocol.commands import AdapterChoice
from lsrv.registry import OfferedAdapter


class AppliedAdapters(msgspec.Struct, frozen=True):
    """What a request says of adapters: names or llama.cpp's numbers with weights (None: the adapter's own)."""

    items: tuple[tuple[str | int, float | None], ...] | None = None  # None: nothing was said
    is_normalized: bool = False
    param: str = "adapters"


def chosen_adapters(
    stack: AppliedAdapters, named: str | None, offered: Sequence[OfferedAdapter]
) -> list[AdapterChoice]:
    """What applies to a request: its own stack, or the adapter `named` with the model, or the defaults.

    Raises RequestError for an adapter that is not offered, or given twice.
    """
    if stack.items is None:
        if named is not None:
            chosen = [AdapterChoice(each.name, each.weight) for each in offered if each.name == named]
        else:
            chosen = [AdapterChoice(each.name, each.default_weight) for each in offered if each.default_weight]
    elif named is not None:
        raise RequestError(
            f"The model is named with adapter '{echo(named)}', and {stack.param} is given, too; keep one of them.",
            param=stack.param,
        )
    else:
        chosen = [_choice(key, weight, offered, stack.param) for key, weight in stack.items]
    if len({choice.name for choice in chosen}) < len(chosen):
        raise RequestError(f"{stack.param} names an adapter twice; add its weights up.", param=stack.param)
    return _normalized(chosen) if stack.is_normalized else chosen


def _choice(key: str | int, weight: float | None, offered: Iterable[OfferedAdapter], param: str) -> AdapterChoice:
    for adapter in offered:
        if key in (adapter.name, adapter.number):
            return AdapterChoice(adapter.name, adapter.weight if weight is None else weight)
    what = (f"{adapter.number} ({adapter.name})" if isinstance(key, int) else adapter.name for adapter in offered)
    asked = key if isinstance(key, int) else echo(key)
    raise RequestError(
        f"{param}: this model has no adapter {asked!r}; it has {', '.join(what) or 'none'}.", param=param
    )


def _normalized(chosen: list[AdapterChoice]) -> list[AdapterChoice]:
    """Weights that sum up to 1; left as they are where they sum up to 0."""
    total = sum(choice.weight for choice in chosen)
    return [AdapterChoice(choice.name, choice.weight / total) for choice in chosen] if total else chosen

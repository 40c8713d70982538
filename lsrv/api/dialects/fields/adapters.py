"""Adapters in requests and over HTTP: bodies to choices, adapters to bodies. Pure; handlers are in `adapter_routes`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv.api.http.errors import ForbiddenError
from lsrv.errors import RequestError
from lsrv.protocol.commands import AdapterChoice
from lsrv.registry import OfferedAdapter

MAX_ADAPTERS = 16  # in one request

Weight = Annotated[float, Meta(ge=-100, le=100)]
AdapterName = Annotated[str, Meta(min_length=1, max_length=512)]


class AdapterItem(msgspec.Struct, kw_only=True):
    name: str
    weight: Weight | None = None


class LoraItem(msgspec.Struct, kw_only=True):
    """llama.cpp's way to name an adapter: by number."""

    id: int
    scale: Weight


class AdapterStack(msgspec.Struct, frozen=True):
    """What a request says of adapters: names or llama.cpp's numbers with weights (None: the adapter's own)."""

    items: tuple[tuple[str | int, float | None], ...] | None = None  # None: nothing was said
    is_normalized: bool = False
    param: str = "adapters"


class LoadAdapterBody(msgspec.Struct, kw_only=True):
    lora_name: AdapterName
    lora_path: Annotated[str, Meta(min_length=1, max_length=4096)]
    model: str | None = None
    load_inplace: bool = False
    expected_generation: str | None = None


class UnloadAdapterBody(msgspec.Struct, kw_only=True):
    lora_name: AdapterName
    model: str | None = None
    expected_generation: str | None = None


def stack_of(
    adapters: list[str | AdapterItem] | None, adapter: str | None, lora: list[LoraItem] | None, *, is_normalized: bool
) -> AdapterStack:
    """The one of three fields that is given: ours, mistral.rs's, llama.cpp's. Raises RequestError."""
    said = {"adapters": adapters, "adapter": adapter, "lora": lora}
    given = [param for param, value in said.items() if value is not None]
    if len(given) > 1:
        raise RequestError(f"{' and '.join(given)} say the same in different ways; keep one of them.", param=given[1])
    items: list[tuple[str | int, float | None]] = []
    items += [(each, None) if isinstance(each, str) else (each.name, each.weight) for each in adapters or []]
    items += [(adapter, None)] if adapter is not None else []
    items += [(each.id, each.scale) for each in lora or []]
    param = given[0] if given else "adapters"
    if len(items) > MAX_ADAPTERS:
        raise RequestError(f"{param} names {len(items)} adapters; at most {MAX_ADAPTERS} are allowed.", param=param)
    return AdapterStack(tuple(items) if given else None, is_normalized, param)


def chosen_adapters(stack: AdapterStack, named: str | None, offered: Sequence[OfferedAdapter]) -> list[AdapterChoice]:
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
            f"The model is named with adapter '{named}', and {stack.param} is given, too; keep one of them.",
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
    raise RequestError(f"{param}: this model has no adapter {key!r}; it has {', '.join(what) or 'none'}.", param=param)


def _normalized(chosen: list[AdapterChoice]) -> list[AdapterChoice]:
    """Weights that sum up to 1; left as they are where they sum up to 0."""
    total = sum(choice.weight for choice in chosen)
    return [AdapterChoice(choice.name, choice.weight / total) for choice in chosen] if total else chosen


def checked_source(lora_path: str, folder: str | None) -> Path:
    """The file or folder that `lora_path` means, links followed. Raises ForbiddenError outside of `folder`."""
    if folder is None:
        raise ForbiddenError(
            "This server loads no adapters by path. Set adapter_folder under [server] in models.toml to the folder "
            "they lie in."
        )
    root = Path(folder).resolve()
    path = (root / lora_path).resolve()
    if not path.is_relative_to(root):
        raise ForbiddenError("lora_path leads out of this server's adapter_folder; name a file in it.")
    return path


def adapter_body(adapter: OfferedAdapter, listed_id: str) -> dict[str, object]:
    """mistral.rs's description of an adapter."""
    return {
        "id": adapter.name,
        "object": "lora_adapter",
        "model": listed_id,
        "generation": adapter.generation,
        "source": adapter.source,
        "revision": adapter.revision,
        "weight": adapter.weight,
        "default_weight": adapter.default_weight,
    }


def lora_body(adapter: OfferedAdapter) -> dict[str, object]:
    """llama.cpp's; `scale` is what applies to requests that choose none."""
    return {
        "id": adapter.number,
        "name": adapter.name,
        "path": adapter.source,
        "scale": adapter.default_weight,
    }

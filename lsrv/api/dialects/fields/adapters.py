"""Adapters in bodies: what requests say of them, and how they are shown. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv.api.http.errors import ForbiddenError
from lsrv.errors import RequestError
from lsrv.registry import OfferedAdapter
from lsrv.serving.adapters import AppliedAdapters

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
) -> AppliedAdapters:
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
    return AppliedAdapters(tuple(items) if given else None, is_normalized, param)


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

"""Which of several GPUs hold a model: one that has room for all of it, else all of them by what they have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan
from lsrv.registry.memory.arbiter import MemoryAmounts
from lsrv.registry.memory.budget import RAM
from lsrv.registry.memory.fitting.bounds import Bounds

_N_SHARES = 64  # in so many parts GPUs share layers: finer ones would only make equal plans look different


def has_open_split(params: LoadParams, gpus: Sequence[str]) -> bool:
    """Whether there is a choice, and the settings leave it open."""
    return len(gpus) > 1 and params.split_mode == "layer" and not params.tensor_split


def lone_gpus(plan: ContextPlan, bounds: Bounds, gpus: Sequence[str]) -> list[int]:
    """GPUs that might hold alone what `plan` puts onto all of them; the one with most room now first."""
    n_bytes = sum(on_gpus(plan).values())
    roomy = [index for index, gpu in enumerate(gpus) if n_bytes <= bounds.available.get(gpu, 0)]
    return sorted(roomy, key=lambda index: -bounds.free.get(gpus[index], 0))


def alone(params: LoadParams, gpu: int) -> LoadParams:
    """`params` for one GPU."""
    return msgspec.structs.replace(params, split_mode="none", main_gpu=gpu)


def split(params: LoadParams, gpus: Sequence[str], room: Mapping[str, float]) -> LoadParams:
    """`params` for all GPUs, in shares as `room`; in equal ones where none has any.

    Said to llama.cpp, whose own shares would be what is free at the load, not what was planned with.
    """
    whole = sum(max(room.get(gpu, 0), 0) for gpu in gpus) or 1
    shares = [float(round(_N_SHARES * max(room.get(gpu, 0), 0) / whole)) for gpu in gpus]
    return msgspec.structs.replace(params, tensor_split=shares if any(shares) else [1.0] * len(gpus))


def corrected(shares: Sequence[float], gpus: Sequence[str], plan: ContextPlan, bounds: Bounds) -> dict[str, float]:
    """Shares after a plan showed how full they make each GPU: some hold buffers beside their layers."""
    held = on_gpus(plan)
    return {
        gpu: share * bounds.available.get(gpu, 0) / held[gpu] if held.get(gpu) else share
        for gpu, share in zip(gpus, shares, strict=True)
    }


def on_gpus(plan: ContextPlan) -> MemoryAmounts:
    """What `plan` takes of them."""
    return {device: n_bytes for device, n_bytes in plan.memory.by_device.items() if device != RAM and n_bytes}

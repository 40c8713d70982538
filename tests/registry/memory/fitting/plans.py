"""Plans as a worker would make them, from a few numbers. All bytes in MiB."""

from __future__ import annotations

from collections.abc import Mapping

from lsrv.protocol.events import ContextPlan, MemoryUse
from lsrv.registry.memory import arbiter
from lsrv.registry.memory.fitting import Bounds

MIB = 1 << 20


def mib(**devices: int) -> dict[str, int]:
    return {device: n * MIB for device, n in devices.items()}


def context(n_ctx_seq: int, *, weights: int, per_1024: int, device: str = "CPU") -> ContextPlan:
    """A context of which every 1024 tokens take as much."""
    kv = per_1024 * n_ctx_seq // 1024
    memory = MemoryUse(
        weights_bytes=weights * MIB,
        kv_bytes=kv * MIB,
        compute_bytes=0,
        output_bytes=0,
        by_device={device: (weights + kv) * MIB},
    )
    return ContextPlan(n_ctx_seq, 4, memory)


def bounds(available: Mapping[str, int], share: Mapping[str, int] | None = None) -> Bounds:
    """For a process that takes 40 MiB of RAM."""
    return Bounds(available, available, share or available, lambda by_device: arbiter.total((mib(CPU=40), by_device)))

"""How many bytes a load took, by llama.cpp's own log. Pure text in, numbers out."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from lsrv.protocol.events import MemoryUse

# "load_tensors:   CPU_Mapped model buffer size =   462.96 MiB", "llama_kv_cache:   CPU KV buffer size = …"
_LINE = re.compile(
    r"\s*(?P<device>\S+)\s+(?P<what>model|LoRA|KV|RS|compute|output) buffer size\s*=\s*(?P<mib>[\d.]+) MiB",
)
_MIB = 1024 * 1024
_FIELDS = {
    "model": "weights_bytes",
    "LoRA": "weights_bytes",
    "KV": "kv_bytes",
    "RS": "kv_bytes",  # recurrent state takes the place of the KV cache
    "compute": "compute_bytes",
    "output": "output_bytes",
}


def memory_use(log: Iterable[str]) -> MemoryUse:
    """Sums of the buffers named in the log of one load (exact to llama.cpp's two decimals of a MiB)."""
    totals = dict.fromkeys(_FIELDS.values(), 0)
    by_device: dict[str, int] = {}
    for line in log:
        if "buffer size" not in line:  # of 500 lines a handful; the expression on all takes 5 ms of a 20 ms load
            continue
        match = _LINE.search(line.partition(":")[2])
        if match is None:
            continue
        size_bytes = round(float(match["mib"]) * _MIB)
        totals[_FIELDS[match["what"]]] += size_bytes
        device = match["device"].removesuffix("_Mapped")
        by_device[device] = by_device.get(device, 0) + size_bytes
    return MemoryUse(**totals, by_device=by_device)


def with_output(memory: MemoryUse, n_bytes: int, device: str) -> MemoryUse:
    """`memory` with an output buffer of at least `n_bytes` on `device`: what it may grow to."""
    n_more = max(0, n_bytes - memory.output_bytes)
    by_device = memory.by_device | {device: memory.by_device.get(device, 0) + n_more}
    return msgspec.structs.replace(memory, output_bytes=memory.output_bytes + n_more, by_device=by_device)

"""How much memory models may use: by device, "CPU" being RAM, and in places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from lsrv.config import ServerSettings
from lsrv.frontdoor.finding import memory_fit
from lsrv.protocol.events import DeviceMemory
from lsrv.registry.memory.arbiter import MemoryAmounts, fits
from lsrv.registry.memory.machine import machine_memory
from lsrv.units import parse_size, size

RAM = "CPU"
WORKER_BYTES = 40 * 1024 * 1024  # what a worker takes beside the model: interpreter, llama.cpp
_PLACES = "models"  # always counted: a reload may limit the number of those that are loaded already
_ANY_NUMBER = 1 << 62
_RESERVE_BYTES = 512 * 1024 * 1024  # of RAM, for this process and everybody else; a tenth of small machines
_GPU_RESERVE_BYTES = 1024 * 1024 * 1024  # of each GPU, for what drivers take for every process; a tenth of small ones


class Budget:
    """The limits of [server]. `read` gives (total, available) bytes of RAM, of this machine or its control group."""

    def __init__(self, server: ServerSettings, read: Callable[[], tuple[int, int]] = machine_memory) -> None:
        self._server = server
        self._read = read
        self._gpu_bytes: dict[str, int] = {}
        self._in_ram: set[str] = set()  # GPUs whose memory is the machine's

    def configure(self, server: ServerSettings) -> None:
        """Go by other limits from now on."""
        self._server = server

    def note_devices(self, devices: Mapping[str, DeviceMemory], promised: MemoryAmounts) -> None:
        """What GPUs have free now, `promised` being what our own models hold of it."""
        for name, device in devices.items():
            n_bytes = min(device.total_bytes, device.free_bytes + promised.get(name, 0))
            self._gpu_bytes[name] = n_bytes - min(_GPU_RESERVE_BYTES, n_bytes // 10)
        self._in_ram |= {name for name, device in devices.items() if device.is_ram}

    def limit(self, taken_bytes: int) -> MemoryAmounts:
        """All that may be promised now, where our own workers hold `taken_bytes` of RAM that are not in files.

        Whatever the settings say, no more than other programs leave: a budget that they have eaten is none.
        """
        total, available = self._read()
        left = max(0, available + taken_bytes - min(_RESERVE_BYTES, total // 10))
        limits = {RAM: min(left, _share(self._server.memory_budget, total))}
        for name, n_bytes in self._gpu_bytes.items():
            limits[name] = min(n_bytes, _share(self._server.gpu_budget.get(name, "auto"), n_bytes))
        limits[_PLACES] = self._server.max_loaded_models or _ANY_NUMBER
        return limits

    def because(self, taken_bytes: int) -> str:
        """What the limit of RAM is made of, for people."""
        total, available = self._read()
        reserve = min(_RESERVE_BYTES, total // 10)
        return (
            f"of {size(total)} of RAM {size(available)} are available, with the page cache and the weights in it; "
            f"{size(taken_bytes)} are in workers of this server, and {size(reserve)} stay for others; "
            f'memory_budget = "{self._server.memory_budget}"'
        )

    def share(self, available: MemoryAmounts, n_entries: int) -> MemoryAmounts:
        """What one of `n_entries` may take of `available` where it may choose: an equal part, of RAM at most half."""
        parts = {RAM: max(n_entries, 2), _PLACES: 1}
        return {device: n // parts.get(device, max(n_entries, 1)) for device, n in available.items()}

    def need(self, by_device: Mapping[str, int]) -> MemoryAmounts:
        """What a model takes whose buffers are `by_device`, in bytes."""
        need = Counter({RAM: WORKER_BYTES, _PLACES: 1})
        need.update(by_device)
        need[RAM] += sum(n_bytes for device, n_bytes in by_device.items() if device in self._in_ram)
        return need


def of_process(by_device: Mapping[str, int]) -> dict[str, int]:
    """All that a worker takes whose model takes `by_device`: the one number of log, plans and `lsrv ps`."""
    return dict(by_device) | {RAM: by_device.get(RAM, 0) + WORKER_BYTES}


def shown(memory: MemoryAmounts) -> str:
    """Amounts of memory for people: "3.1 GiB of RAM and 7.9 GiB of CUDA0"."""
    return memory_fit.shown(only_bytes(memory))


def has_memory_for(needed: MemoryAmounts, room: MemoryAmounts) -> bool:
    """Whether the bytes of `needed` are there; if it does not fit all the same, there are too many models."""
    return fits(only_bytes(needed), room)


def lack(needed: MemoryAmounts, available: MemoryAmounts) -> str:
    """What a model that can't be loaded lacks of what pinned ones leave, for people; and behind a colon what helps."""
    if has_memory_for(needed, available):
        return (
            "finds no place, for as many models are pinned as max_loaded_models allows: "
            "unpin one, or raise max_loaded_models"
        )
    return (
        f"needs {shown(needed)}, and there is {shown(available)} beside pinned models: lower its context_length or "
        "slots, choose a smaller quant, unpin a model, end other programs, or raise memory_budget"
    )


def only_bytes(memory: MemoryAmounts) -> dict[str, int]:
    """`memory` without the number of models."""
    return {device: n_bytes for device, n_bytes in memory.items() if device != _PLACES}


def _share(setting: str, whole: int) -> int:
    """Bytes of "auto" (all), "12GiB" or "75%"."""
    if setting == "auto":
        return whole
    return int(whole * float(setting[:-1]) / 100) if setting.endswith("%") else parse_size(setting)

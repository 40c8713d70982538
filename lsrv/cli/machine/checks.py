"""What `lsrv doctor` checks. Each check looks at one thing and says what it found and, if that is bad, the mend."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lsrv
from lsrv.cli.client import ServerClient
from lsrv.cli.display.table import count
from lsrv.cli.machine import facts
from lsrv.cli.machine.facts import GpuMaker
from lsrv.cli.machine.rebuild import rebuild_command
from lsrv.cli.machine.worker_probe import probe_worker
from lsrv.cli.service.supervisor import supervisor
from lsrv.config import load_settings
from lsrv.cores import n_good_cores, read_processor
from lsrv.errors import ConfigError, LsrvError
from lsrv.frontdoor.hub.cache_layout import default_cache
from lsrv.protocol.events import Ready
from lsrv.registry import cpu_faults_path, is_condemned, own_cache
from lsrv.registry.memory.machine import memory_limit_bytes
from lsrv.units import size

CheckLevel = Literal["ok", "warn", "fail"]

GIB = 1 << 30
LOW_MEMORY_BYTES = 2 * GIB
LOW_DISK_BYTES = 10 * GIB
FULL_DISK_BYTES = 1 * GIB

# A kernel's name of a CPU feature, and the name llama_print_system_info() gives it when the build uses it.
_SPEED_FEATURES = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx512f": "AVX512",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
}


_GPUS: dict[GpuMaker, tuple[str, str]] = {
    "Apple": ("an Apple GPU", "Metal"),
    "NVIDIA": ("an NVIDIA GPU", "CUDA"),
    "AMD": ("an AMD GPU with ROCm", "HIP"),
    "other": ("a GPU", "Vulkan"),
}


def backends_of(maker: GpuMaker | None) -> list[str]:
    """The builds of llama.cpp that can be of use on a machine with that GPU."""
    if maker is None:
        return ["CPU"]
    fallback = ["Vulkan"] if maker in ("NVIDIA", "AMD") else []
    return [_GPUS[maker][1], *fallback, "CPU"]


@dataclass(frozen=True)
class Check:
    """One line of the report. `mend` is empty when `verdict` is "ok"."""

    name: str
    verdict: CheckLevel
    found: str
    mend: str = ""


def run_checks(host: str, port: int) -> Iterator[Check]:
    """Every check, in the order a person reads them."""
    yield Check("lsrv", "ok", f"{lsrv.__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield from _check_worker()
    yield _check_cores()
    yield _check_memory()
    yield from _check_disks()
    yield _check_config()
    yield _check_port(host, port)
    yield from _check_service()


def _check_worker() -> Iterator[Check]:
    try:
        ready = probe_worker()
    except LsrvError as error:
        yield Check("worker", "fail", f"no worker starts: {error.message}", rebuild_command("CPU"))
        return
    yield Check("worker", "ok", f"starts, llama-cpp-python {ready.llama_cpp_version}")
    yield Check("build", "ok", f"{ready.library}\n{ready.system_info.strip()}")
    yield check_cpu_features(facts.cpu_name(), facts.cpu_features(), ready)
    yield check_devices(ready, facts.gpu_maker())
    yield from check_healing(facts.cpu_features(), is_condemned(ready.llama_cpp_version))


def check_cpu_features(cpu: str, features: frozenset[str], ready: Ready) -> Check:
    """Whether the build uses what the processor offers."""
    used = {name for name, value in _build_flags(ready.system_info) if value != "0"}
    idle = [name for feature, name in _SPEED_FEATURES.items() if feature in features and name not in used]
    if not idle:
        return Check("cpu", "ok", cpu)
    found = f"{cpu}: this build leaves {', '.join(idle)} unused"
    return Check("cpu", "warn", found, f"build for this processor: {rebuild_command('CPU')}")


def check_healing(features: frozenset[str], is_healed: bool) -> Iterator[Check]:
    """What earlier loads learned of repacked weights (extra buffer types), where the processor makes it matter."""
    if is_healed:
        found = f"loads leave repacked weights off: one died with them on this processor (kept in {cpu_faults_path()})"
        yield Check("repacking", "warn", found, "delete that file to have it tried again, e.g. after an update")
    elif "amx_int8" in features:
        found = "AMX is advertised, and some virtual machines fault on it; a load that dies of it is tried without"
        yield Check("repacking", "ok", found)


def check_devices(ready: Ready, maker: GpuMaker | None) -> Check:
    """Whether a GPU of this machine is one the build can use."""
    if any(name != "CPU" for name in ready.devices):
        return Check("devices", "ok", ", ".join(ready.devices))
    if maker is None:
        return Check("devices", "ok", "CPU only, and no GPU was seen")
    seen, backend = _GPUS[maker]
    found = f"{seen}, and a build of llama.cpp that only uses the CPU"
    return Check("devices", "warn", found, f"install one with {backend}: {rebuild_command(backend)}")


def _build_flags(system_info: str) -> Iterator[tuple[str, str]]:
    """(name, value) pairs of llama_print_system_info(): `CPU : SSE3 = 1 | AVX2 = 1 | …`."""
    for part in system_info.replace(":", "|").split("|"):
        name, is_pair, value = part.partition("=")
        if is_pair:
            yield name.strip(), value.strip()


def _check_cores() -> Check:
    processor = read_processor()
    n_cpus = len(processor.allowed & processor.core.keys())
    found = f"{count(n_good_cores(processor), 'thread')} for a model, of {count(n_cpus, 'logical CPU')} allowed"
    return Check("cores", "ok", found + (f" and {processor.quota:g} CPUs' time" if processor.quota else ""))


def _check_memory() -> Check:
    total, available = facts.memory_bytes()
    limit = memory_limit_bytes()
    found = f"{size(total)} RAM, {size(available)} available"
    if limit is not None:
        found += f", limited to {size(limit)} by the control group"
    if min(available, limit or available) < LOW_MEMORY_BYTES:
        return Check("memory", "warn", found, "serve a smaller model or context, or end other programs")
    return Check("memory", "ok", found)


def _check_disks() -> Iterator[Check]:
    for name, folder, variable in (("hub cache", default_cache(), "HF_HOME"), ("own cache", own_cache(), "LSRV_CACHE")):
        if trouble := facts.write_trouble(folder):
            found = f"{folder}: can't be written ({trouble})"
            yield Check(name, "fail", found, f"mend its owner and permissions, or name another folder ({variable})")
        else:
            yield check_disk(name, folder, facts.free_disk_bytes(folder), variable)


def _check_config() -> Check:
    try:
        loaded = load_settings()
    except ConfigError as error:
        return Check("config", "fail", error.message, "mend the file; `lsrv config check` checks it again")
    names = ", ".join(str(path) for path in loaded.files)
    found = f"{names}: {count(len(loaded.settings.models), 'model')}"
    if loaded.warnings:
        return Check("config", "warn", f"{found}, {count(len(loaded.warnings), 'warning')}", "lsrv config check")
    return Check("config", "ok", found)


def _check_port(host: str, port: int) -> Check:
    if facts.is_port_free(host, port):
        return Check("port", "ok", f"{host}:{port} is free")
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        served = [model for model in ServerClient(url, None).get("/v1/models").get("data", []) if "status" in model]
    except LsrvError as error:
        if "key" in error.message:
            return Check("port", "ok", f"{url}: a server answers that wants a key")
        return Check(
            "port", "warn", f"{host}:{port} is in use, and not by an lsrv", "end that program, or use another port (-p)"
        )
    return Check("port", "ok", f"{url}: an lsrv answers, with {count(len(served), 'model')}")


def _check_service() -> Iterator[Check]:
    """Whether the service that was installed runs; nothing of machines without one."""
    manager = supervisor()
    if not manager.path.exists():
        return
    try:
        is_running, text = manager.status()
    except LsrvError as error:
        yield Check("service", "warn", f"{manager.path}: {error.message}", "lsrv service uninstall")
        return
    if is_running:
        yield Check("service", "ok", f"{manager.path}: runs")
    else:
        yield Check("service", "warn", f"{manager.path}: does not run\n{text}", "lsrv service logs")


def check_disk(name: str, folder: Path, free_bytes: int, variable: str = "HF_HOME") -> Check:
    """Whether `folder` has room for weights."""
    found = f"{folder}: {size(free_bytes)} free"
    if free_bytes < FULL_DISK_BYTES:
        return Check(name, "fail", found, f"free some space, or move the cache ({variable})")
    if free_bytes < LOW_DISK_BYTES:
        return Check(name, "warn", found, f"larger models need more; free some space, or move the cache ({variable})")
    return Check(name, "ok", found)

"""A machine with GPUs as `fit` sees it: plans made the way llama.cpp lays a model out, and how many were asked for."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, DeviceMemory, MemoryUse, Planned
from lsrv.registry.memory.fitting import Bounds, Fitted, Openness, fit
from tests.registry.memory.fitting.plans import MIB, bounds, mib


@dataclass(frozen=True)
class Shape:
    """A model, in MiB: of each block, of its experts, of the output layer, of 1024 tokens in each block."""

    n_layers: int = 32
    block: int = 100
    experts: int = 0
    output: int = 300
    per_1024: int = 2
    compute: int = 200
    store: int = 0
    n_ctx_train: int = 32768


@dataclass
class Machine:
    """`gpus`: MiB of each that may be used; `free`: MiB that nobody uses."""

    gpus: Mapping[str, int]
    ram: int = 1_000_000
    shape: Shape = Shape()
    free: Mapping[str, int] = field(default_factory=dict[str, int])
    asked: list[LoadParams] = field(default_factory=list[LoadParams])

    async def fit(self, **params: object) -> Fitted:
        wanted = LoadParams(model_path="m.gguf", n_slots=4, **params)  # type: ignore[arg-type]
        return await fit(self.ask, wanted, Openness(self.shape.n_ctx_train, True), self._find_bounds)

    async def ask(self, params: LoadParams, n_ctx_seqs: Sequence[int]) -> Planned:
        self.asked.append(params)
        return Planned(
            arch="test",
            quantization="Q4_K_M",
            n_params=1,
            n_ctx_train=self.shape.n_ctx_train,
            n_layers=self.shape.n_layers,
            has_experts=self.shape.experts > 0,
            contexts=[self._plan(params, n or 4096) for n in n_ctx_seqs],
            devices={name: DeviceMemory(n * MIB, n * MIB) for name, n in self.gpus.items()},
        )

    def _find_bounds(self, devices: Mapping[str, DeviceMemory]) -> Bounds:
        assert list(devices) == list(self.gpus)
        return self.bounds()

    def bounds(self) -> Bounds:
        limits = bounds(mib(CPU=self.ram, **self.gpus), mib(CPU=self.ram // 2, **self.gpus))
        return Bounds(limits.available, mib(**(dict(self.gpus) | dict(self.free))), limits.share, limits.need_of)

    def _plan(self, params: LoadParams, n_ctx_seq: int) -> ContextPlan:
        """As llama_model::load_tensors: the last layers go onto GPUs, in turn, by their shares."""
        shape, held = self.shape, Counter[str]()
        gpus = list(self.gpus)
        if params.split_mode == "none":
            gpus = gpus[params.main_gpu : params.main_gpu + 1] if params.main_gpu >= 0 else []
        n_all = shape.n_layers + 1
        n_on_gpus = 0 if not gpus else n_all if params.n_gpu_layers < 0 else params.n_gpu_layers
        shares = params.tensor_split if len(gpus) > 1 and params.tensor_split else [self.gpus[gpu] or 1 for gpu in gpus]
        ends = [sum(shares[: index + 1]) / sum(shares) for index in range(len(shares))]
        for layer in range(n_all):
            on_gpu = layer - (n_all - n_on_gpus)
            device = gpus[bisect.bisect_right(ends, on_gpu / n_on_gpus)] if on_gpu >= 0 else "CPU"
            if layer == shape.n_layers:
                held[device] += shape.output
                continue
            held[device] += shape.block + shape.per_1024 * n_ctx_seq // 1024
            held["CPU" if layer < params.n_cpu_moe else device] += shape.experts
        for device in {"CPU", *held}:
            held[device] += shape.compute
        by_device = {device: n * MIB for device, n in held.items()}
        memory = MemoryUse(
            weights_bytes=shape.n_layers * (shape.block + shape.experts) * MIB,
            kv_bytes=shape.n_layers * shape.per_1024 * n_ctx_seq // 1024 * MIB,
            compute_bytes=0,
            output_bytes=0,
            by_device=by_device,
        )
        return ContextPlan(n_ctx_seq, params.n_slots, memory, shape.store * MIB)

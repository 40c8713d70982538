"""What a load of an entry would take and do now: its exact plan beside what there is, in numbers and in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from lsrv.frontdoor import Pending, Weights
from lsrv.model_id import ModelId
from lsrv.protocol.events import ContextPlan
from lsrv.registry.memory.arbiter import MemoryAmounts
from lsrv.registry.memory.budget import WORKER_BYTES, lack, only_bytes, shown
from lsrv.registry.memory.forecast import Forecast


class LoadPreview(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/models/{id}/plan`. Bytes by device, "CPU" being RAM; names as in listings.

    `verdict`: "loaded" is in memory; "loading" has its memory already; "fits" beside the others; "evicts" idle models
    at once; "waits" for busy ones or for memory that is promised; "refused" can't be loaded; "pending" has no weights
    here yet, so nothing is known. `prompts_bytes`: what prompts without a slot may come to take. `load_s`: how long the
    last load took in its worker.
    """

    model: str
    verdict: Literal["loaded", "loading", "fits", "evicts", "waits", "refused", "pending"]
    summary: str
    path: str = ""
    quantization: str = ""
    size_bytes: int = 0
    context_length: int = 0
    slots: int = 0
    context_because: str = ""
    placed_because: str = ""
    weights_bytes: int = 0
    kv_bytes: int = 0
    compute_bytes: int = 0
    prompts_bytes: int = 0
    process_bytes: int = 0
    needed_bytes: dict[str, int] = {}
    budget_bytes: dict[str, int] = {}
    budget_because: str = ""
    free_bytes: dict[str, int] = {}
    evicts: list[str] = []
    waits_for: list[str] = []
    load_s: float | None = None


def pending(model: str, weights: Pending) -> LoadPreview:
    """The preview of an entry whose weights are not here."""
    summary = f"what it means {weights.how}, so its size is not known yet; `lsrv tune` plans what the Hub has of it"
    return LoadPreview(model=model, verdict="pending", summary=summary)


def described(asked: LoadPreview, weights: Weights, plan: ContextPlan, needed: MemoryAmounts) -> LoadPreview:
    """`asked` with what the model is, and what it takes."""
    memory = plan.memory
    return msgspec.structs.replace(
        asked,
        path=str(weights.path),
        quantization=weights.quantization,
        size_bytes=weights.size_bytes,
        context_length=plan.n_ctx_seq,
        slots=plan.n_slots,
        weights_bytes=memory.weights_bytes,
        kv_bytes=memory.kv_bytes,
        compute_bytes=memory.compute_bytes + memory.output_bytes,
        prompts_bytes=plan.store_bytes,
        process_bytes=WORKER_BYTES + plan.vocabulary_bytes,
        needed_bytes=only_bytes(needed),
    )


def foreseen(model: str, forecast: Forecast, listed_id: Callable[[ModelId], str], load_s: float | None) -> LoadPreview:
    """The preview of an entry that is not in memory."""
    leaving = [listed_id(each) for each in forecast.leaving]
    busy = [listed_id(each) for each in forecast.busy]
    return LoadPreview(
        model=model,
        verdict=forecast.verdict,
        summary=_summary(forecast, _named(leaving), _named(busy)),
        budget_bytes=only_bytes(forecast.budget),
        free_bytes=only_bytes(forecast.free),
        evicts=leaving,
        waits_for=busy,
        load_s=load_s,
    )


def _summary(forecast: Forecast, leaving: str, busy: str) -> str:
    needed = shown(forecast.needed)
    match forecast.verdict:
        case "fits":
            return f"needs {needed}, and {shown(forecast.free)} is free: it loads beside the others"
        case "evicts":
            return f"needs {needed}: {leaving} would leave at once, being idle"
        case "waits" if leaving:
            return (
                f"needs {needed}: it would wait for {busy or 'loads that are promised memory'}; {leaving} would leave"
            )
        case "waits":
            return f"needs {needed}: it would wait for memory that is promised to others"
        case "refused":
            return f"can't be loaded: it {lack(forecast.needed, forecast.available)}"


def _named(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)

"""Which models suit this machine, each with its exact plan: for who has no models.toml yet. Downloads heads only."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lsrv.config import Settings, settings_for_models
from lsrv.errors import LsrvError
from lsrv.frontdoor.finding.other_programs import FoundWeights, find_on_disk
from lsrv.frontdoor.gguf.header import read_header
from lsrv.quantization import bits
from lsrv.registry import WORKER_COMMAND
from lsrv.registry.loading.tuning import TunedContext, TunedWeights, tune
from lsrv.registry.memory.budget import RAM, Budget
from lsrv.registry.memory.planner import Planner, lone_planner

Purpose = Literal["largest", "fast", "embedding"]

_log = logging.getLogger(__name__)

HUB = "Hugging Face Hub"
_GIB = 1 << 30
_MOST_CONTEXT = 32_768  # more is seldom used, and takes memory from the other models
_ROOM = 0.85  # of memory for the file: the rest is for its context
_FAST_SHARE = 0.5  # a second model is worth it if it is that much smaller


@dataclass(frozen=True)
class Suitable:
    """A model to look at. `size_bytes`: of its file; on the Hub about, at 4 bits."""

    model_id: str
    kind: Literal["text", "embedding"]
    size_bytes: int
    quant: str | None
    where: str
    path: Path | None = None  # its file, if it is here


@dataclass(frozen=True)
class Proposal:
    """A model that fits, as an entry, and what it takes. `needed_bytes` by device."""

    role: Purpose
    model_id: str
    alias: str
    kind: str
    quant: str | None
    where: str
    quantization: str
    size_bytes: int
    n_ctx_seq: int
    n_slots: int
    needed_bytes: dict[str, int]


# Well-known ones of several sizes, each with GGUFs of its owner or a well-known one; sizes at 4 bits.
KNOWN = (
    Suitable("Qwen/Qwen3-30B-A3B-Instruct-2507", "text", round(18.6 * _GIB), "4", HUB),
    Suitable("Qwen/Qwen3-14B", "text", round(9.0 * _GIB), "4", HUB),
    Suitable("Qwen/Qwen3-8B", "text", round(5.0 * _GIB), "4", HUB),
    Suitable("Qwen/Qwen3-4B-Instruct-2507", "text", round(2.5 * _GIB), "4", HUB),
    Suitable("Qwen/Qwen3-1.7B", "text", round(1.3 * _GIB), "4", HUB),
    Suitable("Qwen/Qwen3-0.6B", "text", round(0.5 * _GIB), "4", HUB),
    Suitable("Qwen/Qwen3-Embedding-0.6B", "embedding", round(0.7 * _GIB), "8", HUB),
)


async def propose(*, uses_hub: bool) -> AsyncGenerator[Proposal]:
    """Up to three models with their plans, as they are found. Raises nothing for one that can't be planned."""
    limit_bytes = sum(n for name, n in Budget(_no_settings().server).limit(0).items() if name == RAM)
    here = [candidate for found in find_on_disk() if (candidate := on_disk(found)) is not None]
    candidates = [*here, *(KNOWN if uses_hub else ())]
    taken: list[Proposal] = []
    async with lone_planner(WORKER_COMMAND) as planner:
        for role in ("largest", "fast", "embedding"):
            for candidate in ranked(role, candidates, limit_bytes, taken):
                if (proposal := await _planned(planner, role, candidate)) is not None:
                    if proposal.alias in {each.alias for each in taken}:
                        proposal = replace(proposal, alias=f"{proposal.alias}-{role}")
                    taken.append(proposal)
                    yield proposal
                    break


def on_disk(found: FoundWeights) -> Suitable | None:
    """What another program, or the Hub's cache, has; None for what neither writes nor embeds, or is damaged."""
    try:
        kind = read_header(found.path).kind
    except LsrvError:
        return None
    if kind == "rerank":
        return None
    if found.program == "Hugging Face cache":  # a path leads into one revision of it
        return Suitable(found.model_id, kind, found.size_bytes, found.quantization, found.program, found.path)
    model_id = found.model_id if found.program == "Ollama" else str(found.path)
    return Suitable(model_id, kind, found.size_bytes, None, found.program, found.path)


def ranked(
    role: Purpose, candidates: Sequence[Suitable], limit_bytes: int, taken: Sequence[Proposal]
) -> Iterable[Suitable]:
    """What could have that role, the best first; what is on this disk before what is not, where both do. Pure."""
    kind = "embedding" if role == "embedding" else "text"
    names = {proposal.model_id for proposal in taken}
    fitting = [
        each
        for each in candidates
        if each.kind == kind and each.size_bytes < limit_bytes * _ROOM and each.model_id not in names
    ]
    if role == "embedding":
        return sorted(fitting, key=lambda each: (each.where == HUB, each.size_bytes))[:2]
    if role == "fast":
        largest = next((each.size_bytes for each in taken if each.role == "largest"), 0)
        small = [each for each in fitting if each.size_bytes <= largest * _FAST_SHARE]
        return sorted(small, key=lambda each: (each.where == HUB, -each.size_bytes))[:2]
    return sorted(fitting, key=lambda each: -each.size_bytes)[:4]


def alias_of(model_id: str) -> str:
    """What people would type: "Qwen/Qwen3-4B-GGUF" is "qwen3-4b"."""
    name = model_id.rpartition("/")[2].removesuffix(".gguf").removesuffix(":latest")
    name = name.removesuffix("-GGUF").removesuffix("-gguf")
    return name.lower()


async def _planned(planner: Planner, role: Purpose, candidate: Suitable) -> Proposal | None:
    is_here = candidate.path is not None
    entry = {"model_id": str(candidate.path) if is_here else candidate.model_id}
    settings = settings_for_models([entry], overrides={"global": {"offline": is_here}}, environ={}).settings
    try:
        tuning = await tune(planner, settings, settings.models[0])
    except LsrvError as error:
        _log.info("not proposed", extra={"model_id": candidate.model_id, "why": error.message})
        return None
    found = best_row(tuning.weights, None if is_here else candidate.quant)
    if found is None:
        return None
    row, context = found
    return Proposal(
        role=role,
        model_id=candidate.model_id,
        alias=alias_of(candidate.model_id),
        kind=candidate.kind,
        quant=candidate.quant,
        where=candidate.where,
        quantization=row.quantization,
        size_bytes=row.size_bytes,
        n_ctx_seq=context.n_ctx_seq,
        n_slots=context.n_slots,
        needed_bytes=context.needed_bytes,
    )


def best_row(rows: Sequence[TunedWeights], quant: str | None) -> tuple[TunedWeights, TunedContext] | None:
    """The file of that quantization (a width or a name), with the longest context that fits and is often used. Pure."""
    wanted = [row for row in rows if quant in (None, row.quantization) or str(bits(row.quantization)) == quant]
    pairs = [
        (row, context)
        for row in wanted
        for context in row.contexts
        if context.is_fitting and (context.n_ctx_seq <= _MOST_CONTEXT or context is row.contexts[0])
    ]
    return max(pairs, key=lambda pair: (pair[0].size_bytes, pair[1].n_ctx_seq), default=None)


def _no_settings() -> Settings:
    return settings_for_models([{"model_id": "lsrv-demo"}], environ={}).settings


def first_config(proposals: Sequence[Proposal]) -> str:
    """A models.toml of them, with what it takes to go on by hand."""
    blocks = [_HEAD, f"default_model_id = {_text(proposals[0].alias)}", _SERVER]
    blocks += [_entry(proposal) for proposal in proposals]
    return "\n\n".join(blocks) + "\n"


_HEAD = """\
# What `lsrv from-config` serves from this folder. `lsrv config check` says what is wrong with it, `lsrv config schema`
# has every key for your editor. Models load when they are first asked for, and leave
# for each other when memory is short."""

_SERVER = """\
[server]
host = "localhost"          # "0.0.0.0" for other machines, too: set api_keys then
port = 1234
#api_keys = ["change-me"]   # clients must send one of them
keep_alive = "10m"          # a model idle this long is unloaded; "-1" never"""

_ROLES: dict[Purpose, str] = {
    "largest": "The largest that fits this machine",
    "fast": "A smaller one, for quick answers",
    "embedding": "Embeddings, for searching by meaning",
}


def _entry(proposal: Proposal) -> str:
    from lsrv.registry.memory.budget import shown

    plan = f"{shown(proposal.needed_bytes)} with {proposal.n_ctx_seq} tokens for each of {proposal.n_slots} slots"
    lines = [
        f"# {_ROLES[proposal.role]}: {proposal.quantization}, {plan}.",
        "[[models]]",
        f"model_id = {_text(proposal.model_id)}",
        f"alias = {_text(proposal.alias)}",
        *([f"quantization = {{ quant = {_text(proposal.quant)} }}"] if proposal.quant else []),
        f"context = {{ context_length = {proposal.n_ctx_seq}, slots = {proposal.n_slots} }}",
        *(['kind = "embedding"'] if proposal.kind == "embedding" else []),
        "#preload = true            # load at the start, not at the first request",
    ]
    return "\n".join(lines)


def _text(value: str) -> str:
    from lsrv.config.importing.toml_text import toml_value

    return toml_value(value)

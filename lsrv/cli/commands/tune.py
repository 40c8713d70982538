"""`lsrv tune MODEL`: which of its weights fit this machine, with how much context. Downloads heads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.completing import model_or_file
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option

if TYPE_CHECKING:
    from lsrv.registry.loading.tuning import TunedWeights, Tuning


@click.command()
@click.argument("model", shell_complete=model_or_file)
@click.option("-c", "--context", "contexts", multiple=True, type=click.IntRange(min=1), help="Context length; repeat.")
@click.option("--slots", type=click.IntRange(min=1), help="Requests served at once; each has that context.")
@json_option
def tune(model: str, contexts: tuple[int, ...], slots: int | None, as_json: bool) -> None:
    """Show what of MODEL (a file, a folder or OWNER/NAME) fits this machine: quantization by context, to the byte.

    Loads no weights, and of files on the Hub it fetches the first megabytes only.
    Such as `lsrv tune Qwen/Qwen3-4B -c 8192 --slots 2`.
    """
    import asyncio

    import msgspec

    tuning = asyncio.run(_tune(model, contexts, slots))
    say(msgspec.json.format(msgspec.json.encode(tuning)).decode() if as_json else _shown(tuning))


async def _tune(model_id: str, contexts: tuple[int, ...], slots: int | None) -> Tuning:
    from lsrv.config import settings_for_models
    from lsrv.registry import WORKER_COMMAND
    from lsrv.registry.loading.tuning import tune as tune_model
    from lsrv.registry.memory.planner import lone_planner

    settings = settings_for_models([{"model_id": model_id, "context": {"slots": slots}}]).settings
    async with lone_planner(WORKER_COMMAND) as planner:
        return await tune_model(planner, settings, settings.models[0], contexts)


def _shown(tuning: Tuning) -> str:
    """A row per file, a column per context; what does not fit stands in brackets."""
    from lsrv.cli.display.table import columns
    from lsrv.registry.memory.budget import shown

    n_ctx_seqs = sorted({context.n_ctx_seq for row in tuning.weights for context in row.contexts})
    header = ["QUANT", "FILE", "SIZE", *(f"{n_ctx_seq} TOKENS" for n_ctx_seq in n_ctx_seqs), "WHERE"]
    lines = [columns(header, [_cells(row, n_ctx_seqs) for row in tuning.weights]), ""]
    lines += [f"{row.name}: {row.problem}" for row in tuning.weights if row.problem]
    n_slots = {context.n_slots for row in tuning.weights for context in row.contexts}
    lines.append(
        f"Memory with that context for each of {'/'.join(map(str, sorted(n_slots)))} slots; "
        f"(in brackets): more than the {shown(tuning.available_bytes)} there is."
    )
    lines += _auto_lines(tuning)
    best = tuning.best
    lines.append(
        f"Best: {best.name} ({best.quantization}) with context_length = {best.n_ctx_seq}"
        if best is not None
        else "Nothing fits: try fewer --slots, a smaller --context, or a smaller model."
    )
    return "\n".join(lines)


def _auto_lines(tuning: Tuning) -> list[str]:
    """What context_length = "auto" would be for the best weights, or for the only ones."""
    name = tuning.best.name if tuning.best is not None else ""
    rows = [row for row in tuning.weights if row.auto is not None and (row.name == name or len(tuning.weights) == 1)]
    return [
        f'context_length = "auto" of {row.name}: {row.auto.n_ctx_seq} ({row.auto.because})' for row in rows if row.auto
    ]


def _cells(row: TunedWeights, n_ctx_seqs: list[int]) -> list[str]:
    from lsrv.units import size

    by_context = {context.n_ctx_seq: context for context in row.contexts}
    cells = [row.quantization, row.name, size(row.size_bytes)]
    for n_ctx_seq in n_ctx_seqs:
        context = by_context.get(n_ctx_seq)
        text = size(sum(context.needed_bytes.values())) if context is not None else ""
        cells.append(text if context is None or context.is_fitting else f"({text})")
    return [*cells, row.origin]

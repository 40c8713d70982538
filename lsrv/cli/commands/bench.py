"""`lsrv bench MODEL`: prefill, decode and time to first token of a running server, beside another one if wished."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.completing import served_name
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option, server_options
from lsrv.errors import LsrvError, ServerError

if TYPE_CHECKING:
    from lsrv.cli.measuring import BenchCell, BenchResult, BenchTarget

_MOST_STREAMS = 256


@click.command()
@click.argument("model", shell_complete=served_name)
@click.option(
    "-w",
    "--width",
    "widths",
    multiple=True,
    type=click.IntRange(1, _MOST_STREAMS),
    help="Streams at once; repeat. Default: 1 and 4.",
)
@click.option(
    "-d",
    "--depth",
    "depths",
    multiple=True,
    type=click.IntRange(min=1),
    help="Prompt tokens; repeat. Default: 16, 512.",
)
@click.option(
    "-n", "--tokens", "n_tokens", type=click.IntRange(min=2), default=64, show_default=True, help="Of an answer."
)
@click.option("--against", metavar="URL", help="Measure that server, too: any that is OpenAI-compatible.")
@click.option("--against-model", metavar="NAME", help="What MODEL is called there.")
@click.option("--against-api-key", envvar="LSRV_AGAINST_API_KEY", show_envvar=True, help="Key of that server.")
@server_options
@json_option
def bench(
    model: str,
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    n_tokens: int,
    against: str | None,
    against_model: str | None,
    against_api_key: str | None,
    url: str,
    api_key: str | None,
    as_json: bool,
) -> None:
    """Measure MODEL on a running server: a row for each number of streams and length of prompt.

    Such as `lsrv bench qwen3-4b -w 1 -w 8 -d 2000`, or beside llama-server:
    `lsrv bench qwen3-4b --against http://127.0.0.1:8080`. Nothing else should be running meanwhile.
    """
    from lsrv.cli.client import ServerClient
    from lsrv.cli.measuring import BenchCell, BenchTarget

    targets = [BenchTarget(ServerClient(url, api_key), model)]
    if against is not None:
        their_url = against.rstrip("/").removesuffix("/v1")
        targets.append(BenchTarget(ServerClient(their_url, against_api_key), against_model or model))
    cells = [BenchCell(width, depth, n_tokens) for width in widths or (1, 4) for depth in depths or (16, 512)]
    results: list[BenchResult] = []
    problems: list[str] = []
    for result in _measured(targets, cells, problems):
        results.append(result)
        if sys.stderr.isatty():
            say(f"{result.at}: {result.n_streams} x {result.n_prompt_tokens} tokens done", err=True)
    if as_json:
        say(json.dumps({"model": model, "results": [asdict(each) for each in results], "problems": problems}, indent=2))
    elif results:
        say(_table(results, names_server=len(targets) > 1))
    for text in problems:
        say(text, err=True)
    if not results:
        raise SystemExit(1)


def _measured(targets: list[BenchTarget], cells: list[BenchCell], problems: list[str]) -> Iterator[BenchResult]:
    """Servers take turns within a cell, so that both meet the same machine. A cell that one refuses is told."""
    from lsrv.cli.measuring import measure, warm_up

    rng = random.Random()
    for target in targets:
        warm_up(target, rng)
    for cell in cells:
        for target in targets:
            try:
                yield measure(target, cell, rng)
            except ServerError as error:
                problems.append(f"{cell.n_streams} x {cell.n_depth} tokens: {error.message}")
            except LsrvError as error:
                problems.append(error.message)


def _table(results: list[BenchResult], *, names_server: bool) -> str:
    from lsrv.cli.display.table import columns

    header = ["WIDTH", "PROMPT", "TTFT", "PREFILL/s", "DECODE/s", *(["AT"] if names_server else [])]
    rows = [
        [
            str(result.n_streams),
            str(result.n_prompt_tokens),
            f"{result.ttft_s * 1e3:.0f}ms",
            f"{result.prefill_tps:.0f}",
            f"{result.decode_tps:.1f}",
            *([result.at] if names_server else []),
        ]
        for result in results
    ]
    return columns(header, rows)

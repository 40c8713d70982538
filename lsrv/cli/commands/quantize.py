"""`lsrv quantize SRC`: a smaller GGUF of what is here."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from lsrv.cli.display.say import say


@click.command()
@click.argument("source", metavar="SRC")
@click.option("--quant", default="4", show_default=True, help="A width (2 3 4 5 6 8) or a name, e.g. Q5_K_M, IQ4_XS.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option("--imatrix", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Importance matrix.")
@click.option("--threads", type=click.IntRange(1), help="Threads; all cores of this process unless given.")
def quantize(source: str, quant: str, output: Path | None, imatrix: Path | None, threads: int | None) -> None:
    """Quantize SRC: a GGUF, a folder with one or with safetensors, or a model in the Hugging Face cache.

    Without -o the result goes to lsrv's own cache, where `lsrv list` shows it. An importance matrix beside SRC is used.
    Such as `lsrv quantize gemma-3-4b-F16.gguf --quant 4`.
    """
    from lsrv.cli.commands.weights import composition
    from lsrv.cli.display.build_bar import build_bar
    from lsrv.frontdoor import Quantizing, read_header
    from lsrv.units import size

    with build_bar() as (on_progress, cancel):
        quantizing = Quantizing(source, quant, imatrix, threads, on_progress, cancel)
        if (used := quantizing.imatrix) is not None and imatrix is None:
            say(f"with the importance matrix {used}", err=True)
        path = quantizing.keep() if output is None else quantizing.write(output)
    header = read_header(path)
    say(path)
    say(f"{size(header.size_bytes)}, {composition(header.quantization, header.tensor_bytes)}", err=True)

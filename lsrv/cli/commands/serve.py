"""`lsrv serve -m MODEL`: serve one model without writing a models.toml."""

from __future__ import annotations

import rich_click as click

from lsrv.cli.options import listen_options
from lsrv.hangups import hold_hangups


@click.command()
@click.option(
    "-m", "--model", "model_id", required=True, metavar="MODEL", help="A GGUF, a folder with GGUFs, or a Hub id."
)
@click.option("--alias", multiple=True, help="Another name clients may use; may be given several times.")
@click.option("--quant", metavar="QUANT", help='A width ("4") or a name ("Q5_K_M").')
@click.option("--context", "context_length", type=click.IntRange(min=1), help="Longest prompt + answer, in tokens.")
@click.option("--slots", type=click.IntRange(min=1), help="Requests computed together.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of decoding.")
@click.option("--gpu-layers", type=click.IntRange(min=0), help="Layers on the GPU; default: as many as fit.")
@click.option("--embedding", is_flag=True, help="Serve embeddings instead of text.")
@listen_options
def serve(
    model_id: str,
    alias: tuple[str, ...],
    quant: str | None,
    context_length: int | None,
    slots: int | None,
    threads: int | None,
    gpu_layers: int | None,
    embedding: bool,
    **listen: object,
) -> None:
    """Serve one model, loaded at once."""
    hold_hangups()
    from lsrv.cli.start import serve_until_stopped
    from lsrv.config import settings_for_models

    entry = {
        "model_id": model_id,
        "alias": list(alias),
        "kind": "embedding" if embedding else None,
        "preload": True,
        "quantization": {"quant": quant},
        "context": {"context_length": context_length, "slots": slots},
        "device": {"threads": threads, "gpu_layers": gpu_layers},
    }
    serve_until_stopped(settings_for_models([entry], overrides={"server": listen}))

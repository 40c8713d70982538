"""`lsrv pull MODEL`: get a model's weights before anybody asks for them. `lsrv login`: a token for gated ones."""

from __future__ import annotations

import sys

import rich_click as click

from lsrv.cli.completing import model_or_file
from lsrv.cli.display.say import say
from lsrv.cli.options import yes_option


@click.command()
@click.argument("model", shell_complete=model_or_file)
@click.option("--quant", metavar="Q", help='A width ("4") or a name ("Q5_K_M"); without it full precision.')
@click.option("--isq", metavar="Q", help="Quantize here to Q, although there may be a ready file.")
@click.option("--file", "files", multiple=True, metavar="NAME", help="This file of the repository; repeat for parts.")
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit on the Hub.")
@yes_option
def pull(model: str, quant: str | None, isq: str | None, files: tuple[str, ...], revision: str, yes: bool) -> None:
    """Fetch MODEL (OWNER/NAME on the Hugging Face Hub), or make it here if nobody published what is asked for.

    A download goes on where it was when it was cut off. Prints the path of the GGUF.
    """
    from lsrv.cli.display.build_bar import build_bar
    from lsrv.config import settings_for_models
    from lsrv.registry import front_door, spec_of
    from lsrv.units import size

    entry = {
        "model_id": model,
        "revision": revision,
        "quantization": {"quant": quant, "isq": isq},
        "format": {"quantized_file": list(files)},
    }
    settings = settings_for_models([entry], overrides={"global": {"any_owner": yes or None}}).settings
    door, spec = front_door(settings), spec_of(settings.models[0])
    with build_bar() as (on_progress, cancel):
        weights = door.prepare(spec, on_progress, cancel)
    say(weights.path)
    how = f"{weights.origin}, {weights.chosen_because}"
    say(f"{weights.quantization}, {size(weights.size_bytes)}: {how}", err=True)


@click.command()
@click.option("--token", help="The token; asked for without it. Get one at https://huggingface.co/settings/tokens.")
def login(token: str | None) -> None:
    """Keep a Hugging Face token for models that need one. It is checked first, and lies where other tools look, too."""
    from lsrv.frontdoor.hub import log_in

    text = token or _asked()
    say(f"kept in {log_in(text.strip())}")


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Token", hide_input=True))
    return sys.stdin.readline()

"""`lsrv pull MODEL...`: get weights before anybody asks for them. `lsrv login`: a token for gated ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from lsrv.cli.completing import model_or_file
from lsrv.cli.display.say import say
from lsrv.cli.options import yes_option

if TYPE_CHECKING:
    from lsrv.config import ModelSettings, Settings


@click.command()
@click.argument("models", metavar="[MODEL]...", nargs=-1, shell_complete=model_or_file)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="What its entries need.")
@click.option("--quant", metavar="Q", help='A width ("4") or a name ("Q5_K_M"); without it full precision.')
@click.option("--isq", metavar="Q", help="Quantize here to Q, although there may be a ready file.")
@click.option("--file", "files", multiple=True, metavar="NAME", help="This file of the repository; repeat for parts.")
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit on the Hub.")
@yes_option
def pull(
    models: tuple[str, ...],
    config: Path | None,
    quant: str | None,
    isq: str | None,
    files: tuple[str, ...],
    revision: str,
    yes: bool,
) -> None:
    """Fetch each MODEL (OWNER/NAME or OWNER/NAME:QUANT on the Hub), or make it if nobody published what is asked for.

    Without MODEL: what the entries of ./models.toml or of --config FILE need; the variable MODELS chooses among them.
    A download goes on where it was when it was cut off. Prints the path of each GGUF.
    Such as `lsrv pull Qwen/Qwen3-4B --quant 4`.
    """
    if files and len(models) != 1:
        raise click.UsageError("--file names a file of one MODEL; pull the others by themselves")
    if models and config is not None:
        raise click.UsageError("MODEL and --config FILE are two ways to say what to get; choose one")
    if not models and (quant or isq or revision != "main"):
        raise click.UsageError("--quant, --isq and --revision are for a MODEL; entries of a config have their own")
    overrides = {"global": {"any_owner": yes or None}}
    if models:
        how = {
            "revision": revision,
            "quantization": {"quant": quant, "isq": isq},
            "format": {"quantized_file": list(files)},
        }
        _pull_all(*_named(models, how, overrides))
    else:
        _pull_all(*_configured(config, overrides))


def _named(
    names: tuple[str, ...], how: dict[str, Any], overrides: dict[str, Any]
) -> tuple[Settings, list[ModelSettings]]:
    """What the command line asks for."""
    from lsrv.config import settings_for_models
    from lsrv.registry import split_quant

    found: list[ModelSettings] = []
    settings = None
    for name in dict.fromkeys(names):
        asked = how["quantization"]
        model_id, quant = (name, None) if any(asked.values()) or how["format"]["quantized_file"] else split_quant(name)
        entry = {**how, "model_id": model_id, "quantization": asked if quant is None else {"quant": quant}}
        settings = settings_for_models([entry], overrides=overrides).settings
        found += settings.models
    assert settings is not None
    return settings, found


def _configured(config: Path | None, overrides: dict[str, Any]) -> tuple[Settings, list[ModelSettings]]:
    """What the entries of a file need that are served from weights of this machine, with their draft models."""
    from lsrv.config import load_settings
    from lsrv.registry import draft_of

    if config is None and not Path("models.toml").exists():
        raise click.UsageError("name a MODEL (OWNER/NAME), or a models.toml with --config FILE")
    settings = load_settings(config, overrides=overrides).settings
    served = [model for model in settings.models if model.has_weights and model.enabled]
    drafts = [draft for model in served if (draft := draft_of(model)) is not None]
    return settings, [*served, *drafts]


def _pull_all(settings: Settings, models: list[ModelSettings]) -> None:
    """Get each; what can't be had is told, and the others are got all the same. Exits with 1 then."""
    from lsrv.cli.display.build_bar import build_bar
    from lsrv.errors import BuildCancelledError, LsrvError
    from lsrv.registry import front_door, spec_of
    from lsrv.units import size

    door, is_whole = front_door(settings), True
    with build_bar() as (on_progress, cancel):
        for model in models:
            try:
                weights = door.prepare(spec_of(model), on_progress, cancel)
            except BuildCancelledError:
                raise
            except LsrvError as error:
                if len(models) == 1:
                    raise
                say(f"{model.listed_id}: {error.message}", err=True)
                is_whole = False
                continue
            say(weights.path)
            how = f"{weights.origin}, {weights.chosen_because}"
            name = f"{model.listed_id}: " if len(models) > 1 else ""
            say(f"{name}{weights.quantization}, {size(weights.size_bytes)}: {how}", err=True)
    if not is_whole:
        sys.exit(1)


@click.command()
@click.option("--token", help="The token; asked for without it. Get one at https://huggingface.co/settings/tokens.")
def login(token: str | None) -> None:
    """Keep a Hugging Face token for models that need one. It is checked first, and lies where other tools look, too.

    Such as `lsrv login`, which asks for it.
    """
    from lsrv.frontdoor.hub import log_in

    text = token or _asked()
    say(f"kept in {log_in(text.strip())}")


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Token", hide_input=True))
    return sys.stdin.readline()

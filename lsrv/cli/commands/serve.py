"""`lsrv serve`: one model, or some, or whatever is on this disk, without writing a models.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

import rich_click as click

from lsrv.cli.completing import model_or_file
from lsrv.cli.options import gpu_layers_type, listen_options, with_words_of_llama_server
from lsrv.hangups import hold_hangups

_NOTHING: Mapping[str, object] = MappingProxyType({})


@click.command(context_settings=with_words_of_llama_server())
@click.argument("models", metavar="[MODEL]...", nargs=-1, shell_complete=model_or_file)
@click.option(
    "-m",
    "--model",
    "more_models",
    multiple=True,
    metavar="MODEL",
    shell_complete=model_or_file,
    help="The same as MODEL behind the command.",
)
@click.option("--alias", multiple=True, help="Another name clients may use; may be given several times.")
@click.option("--quant", metavar="QUANT", help='A width ("4") or a name ("Q5_K_M"); without it full precision.')
@click.option("--isq", metavar="QUANT", help="Quantize here to QUANT, although there may be a ready file.")
@click.option(
    "-c", "--context", "context_length", type=click.IntRange(min=1), help="Longest prompt + answer, in tokens."
)
@click.option("-np", "--slots", type=click.IntRange(min=1), help="Requests computed together.")
@click.option("-t", "--threads", type=click.IntRange(min=1), help="CPU threads of decoding.")
@click.option("-ngl", "--gpu-layers", type=gpu_layers_type, help="Layers on the GPU, or all; default: as many as fit.")
@click.option("--embedding", is_flag=True, help="Serve embeddings instead of text.")
@click.option(
    "--models-dir",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=str),
    help="Serve the GGUFs in this folder and below, without MODEL; may be given several times.",
)
@listen_options
def serve(
    models: tuple[str, ...],
    more_models: tuple[str, ...],
    alias: tuple[str, ...],
    quant: str | None,
    isq: str | None,
    context_length: int | None,
    slots: int | None,
    threads: int | None,
    gpu_layers: int | str | None,
    embedding: bool,
    folders: tuple[str, ...],
    **listen: object,
) -> None:
    """Serve MODEL, loaded at once: a GGUF, a folder with GGUFs or safetensors, or a Hub id.

    The first of several is the default.

    Such as `lsrv serve gemma.gguf -c 8192` or `lsrv serve Qwen/Qwen3-4B --quant 4`. Without MODEL: what your
    models.toml lists; without one, every model that Ollama, LM Studio, llama.cpp or Hugging Face keep on this disk.
    """
    hold_hangups()
    from lsrv.config import settings_for_models

    model_ids = tuple(dict.fromkeys([*models, *more_models]))
    if not model_ids:
        _refuse_without_model(alias, quant, context_length, slots, threads, gpu_layers, embedding)
        serve_what_is_here(folders, listen)
    if folders:
        raise click.UsageError(
            "--models-dir is for serving without MODEL; name the files of that folder, or leave it out"
        )
    if alias and len(model_ids) > 1:
        raise click.UsageError("--alias is for one MODEL; several have their aliases in a models.toml")
    entries = [
        {
            "model_id": model_id,
            "alias": list(alias),
            "kind": "embedding" if embedding else None,
            "preload": True,
            "quantization": {"quant": quant, "isq": isq},
            "context": {"context_length": context_length, "slots": slots},
            "device": {"threads": threads, "gpu_layers": gpu_layers},
        }
        for model_id in model_ids
    ]
    loaded = settings_for_models(entries, overrides={"server": listen})
    from lsrv.cli.start import serve_until_stopped  # late: a wrong flag is told before this takes half a second

    serve_until_stopped(loaded, needs_all=True)


def serve_what_is_here(folders: tuple[str, ...] = (), listen: Mapping[str, object] = _NOTHING) -> NoReturn:
    """Serve the config of this folder or this user; without one, or with `folders`, what is found. Raises ConfigError.

    `folders`: the only ones to look in; without any, where other programs keep models.
    """
    hold_hangups()
    from lsrv.config import find_config, load_settings, settings_for_models
    from lsrv.demo import CONFIG_PATH

    source = find_config()
    if source != CONFIG_PATH and not folders:
        loaded = load_settings(source, overrides={"server": listen})
        from lsrv.cli.start import serve_until_stopped

        serve_until_stopped(loaded, lambda: load_settings(source, overrides={"server": listen}))
    overrides = {"server": {**listen, "discover": list(folders) or True}}
    loaded = settings_for_models([], overrides=overrides)
    demo = load_settings(CONFIG_PATH, overrides=overrides)
    from lsrv.cli.start import serve_until_stopped  # late: a wrong setting is told before this takes half a second

    serve_until_stopped(loaded, instead_of_nothing=demo)


def _refuse_without_model(*how: object) -> None:
    """Options that say how one MODEL is served mean nothing where none is named."""
    if any(how):
        raise click.UsageError("name a MODEL for these options: a GGUF, a folder with GGUFs, or a Hub id (OWNER/NAME)")

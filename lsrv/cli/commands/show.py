"""`lsrv show MODEL`: what a model on this disk is, as its file tells it. Needs no server, loads nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.completing import model_or_file
from lsrv.cli.display.say import say
from lsrv.cli.options import json_option
from lsrv.errors import ConfigError, LsrvError, ModelNotFoundError

if TYPE_CHECKING:
    from lsrv.config import ModelSettings, Settings
    from lsrv.frontdoor import Weights


@click.command()
@click.argument("model", shell_complete=model_or_file)
@click.option("--template", "is_template", is_flag=True, help="Print its chat template, and nothing else.")
@json_option
def show(model: str, is_template: bool, as_json: bool) -> None:
    """Show what MODEL is: architecture, context, licence, chat template, capabilities. Loads nothing.

    MODEL: a name in the models.toml of this folder, a GGUF, a folder with one, OWNER/NAME[:QUANT], or what Ollama and
    LM Studio call it. Such as `lsrv show qwen3-4b`.
    """
    from lsrv.cli.display.model_card import card_lines, model_card

    weights = _weights(model)
    if is_template:
        if weights.header.chat_template is None:
            raise ModelNotFoundError(f"{weights.path}: carries no chat template")
        say(weights.header.chat_template)
        return
    card = model_card(weights)
    say(json.dumps(card, indent=2, ensure_ascii=False) if as_json else "\n".join(card_lines(card)))


def _weights(name: str) -> Weights:
    """The weights on this disk. Raises LsrvError with what keeps them away."""
    from lsrv.config import QuantizationSettings
    from lsrv.frontdoor import Pending
    from lsrv.registry import finding

    settings, model = _entry(name)
    if not model.has_weights:
        raise ModelNotFoundError(f"{name}: {model.answered_by} answers for it; there are no weights here")
    found = finding(settings, model)
    if isinstance(found, Pending) and model.quantization != QuantizationSettings():
        found = finding(
            settings, model.model_copy(update={"quantization": QuantizationSettings()})
        )  # what it is made of
    if isinstance(found, Pending):
        raise ModelNotFoundError(
            f"{name}: is not on this disk ({found.how}); `lsrv pull {name}` gets it, `lsrv tune {name}` shows "
            "what there is"
        )
    if isinstance(found, LsrvError):
        raise found
    return found


def _entry(name: str) -> tuple[Settings, ModelSettings]:
    """The entry of that name in the config of this folder, else one made for it."""
    from lsrv.config import load_settings, settings_for_models
    from lsrv.registry.loading.weights import pulled_model

    try:
        settings = load_settings().settings
    except ConfigError:  # a wrong entry is no reason not to look at a file
        settings = None
    entries = settings.models if settings is not None else ()
    for model in entries:
        if settings is not None and name in model.names:
            return settings, model
    alone = settings_for_models([{"model_id": name}]).settings
    is_split = "/" in name and ":" in name and not alone.models[0].folder.joinpath(name).exists()
    return alone, pulled_model(name) if is_split else alone.models[0]

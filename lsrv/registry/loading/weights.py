"""Where the registry and the front door meet: an entry's settings in the front door's words."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lsrv.config import ModelSettings, Settings, settings_for_models
from lsrv.echo import echo
from lsrv.errors import BuildError, ConfigError, LsrvError, ModelNotFoundError, RequestError
from lsrv.frontdoor import FrontDoor, Pending, Weights, WeightsSpec, choose_projector_beside, find_adapter
from lsrv.frontdoor.finding.offers import Offer
from lsrv.frontdoor.hub import Hub, find_token
from lsrv.frontdoor.progress import Cancel, OnBuildProgress
from lsrv.frontdoor.repository import is_hub_id
from lsrv.home import expanded
from lsrv.registry.loading.auto_quant import choose_offer
from lsrv.registry.memory.planner import Planner
from lsrv.registry.offered_adapters import OfferedAdapter

_NO_FOLDER = Path(os.devnull)  # nothing is below it
_MAX_NAME_CHARS = 512

_log = logging.getLogger(__name__)


def spec_of(model: ModelSettings) -> WeightsSpec:
    """What an entry asks for."""
    quantization, folder = model.quantization, model.folder
    imatrix = quantization.imatrix
    return WeightsSpec(
        model_id=model.weights_id,
        quant=quantization.quant,
        isq=quantization.isq,
        quantized_file=model.format.quantized_file,
        format=model.format.format,
        revision=model.revision,
        folder=folder,
        imatrix=folder / expanded(imatrix) if imatrix is not None else None,
        needs_projector=model.takes_projector,
        projector=model.format.mmproj,
    )


def draft_of(model: ModelSettings) -> ModelSettings | None:
    """The model that guesses for `model`; None if no other one does. Raises ConfigError."""
    if model.speculative.draft is None:
        return None
    return pulled_model(model.speculative.draft).placed_in(model.folder)


def pulled_model(name: str) -> ModelSettings:
    """What "OWNER/NAME:QUANT" asks for; "hf.co/" before it is what Ollama's clients write. Raises ConfigError."""
    model_id, _, quant = (
        name.removeprefix("https://").removeprefix("hf.co/").removeprefix("huggingface.co/").partition(":")
    )
    entry: dict[str, object] = {"model_id": model_id, "quantization": {"quant": quant or None}}
    return settings_for_models([entry], environ={}).settings.models[0]


def split_quant(name: str) -> tuple[str, str | None]:
    """A model_id and a quantization of "OWNER/NAME:QUANT", with or without "hf.co/"; any other name as it is."""
    try:
        model = pulled_model(name)
    except ConfigError:
        return name, None
    return (model.model_id, name.rpartition(":")[2]) if is_hub_id(model.model_id) and ":" in name else (name, None)


def pulled_by_client(name: str) -> ModelSettings:
    """The same for a name over HTTP: of the Hub only. Files of this machine are nobody's business, not even whether
    they are there. Raises ModelNotFoundError, RequestError.
    """
    try:
        model = pulled_model(name) if len(name) <= _MAX_NAME_CHARS else None
    except ConfigError as error:
        raise RequestError(f"'{echo(name)}': {error.message}", param="model") from error
    if model is None or not is_hub_id(model.model_id):
        raise ModelNotFoundError(f"'{echo(name)}' is no model of this server and no Hub id (OWNER/NAME:QUANT)")
    return model.placed_in(_NO_FOLDER)


def front_door(settings: Settings) -> FrontDoor:
    """The front door that [global] describes. Its token is looked for by the first question to the Hub."""
    general = settings.global_
    hub = Hub(functools.partial(find_token, general.token_source), general.offline)
    return FrontDoor(hub, has_consent=general.any_owner)


def look(settings: Settings, model: ModelSettings) -> Weights | Pending:
    """What a load of `model` would begin with. Blocks on the disk, not on the network. Raises BuildError."""
    return front_door(settings).look(spec_of(model))


def finding(settings: Settings, model: ModelSettings) -> Weights | Pending | LsrvError:
    """What a load would begin with, or why it can't: for who looks at many, of which none may spoil the rest."""
    try:
        return look_with_draft(settings, model)
    except LsrvError as error:
        return error
    except Exception as error:  # noqa: BLE001  # a fault of ours with one entry is told as that entry's
        _log.exception("can't look for weights", extra={"model_id": model.listed_id})
        return BuildError(f"{model.listed_id}: looking for its weights failed ({error!r}); the log says where")


def look_with_draft(settings: Settings, model: ModelSettings) -> Weights | Pending:
    """The same; its draft model has to be there, or to be had, as well."""
    if (draft := draft_of(model)) is not None:
        look(settings, draft)
    return look(settings, model)


class Preparer:
    """Finds, fetches or makes the weights of entries, in threads; it plans "auto" in the loop it started in."""

    def __init__(self, settings: Settings, planner: Planner, taken: Callable[[], Mapping[str, int]]) -> None:
        self._settings = settings
        self._planner = planner
        self._taken = taken
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """To be called in the event loop of the planner."""
        self._loop = asyncio.get_running_loop()

    def configure(self, settings: Settings) -> None:
        """Go by other settings from the next build on."""
        self._settings = settings

    def __call__(self, model: ModelSettings, on_progress: OnBuildProgress, cancel: Cancel) -> Weights:
        """The weights of `model`. Blocks. Raises BuildError, NotEnoughMemoryError or ConfigError."""
        door = replace(front_door(self._settings), choose_auto=functools.partial(self._choose, model))
        return door.prepare(spec_of(model), on_progress, cancel)

    def _choose(self, model: ModelSettings, offers: Sequence[Offer]) -> tuple[Offer, str]:
        assert self._loop is not None
        return choose_offer(self._planner, self._loop, self._settings, model, offers, self._taken())


def find_adapter_file(adapter: OfferedAdapter, weights: Weights) -> Path:
    """The GGUF on this machine of an adapter for a model with these weights. Blocks. Raises BuildError."""
    return find_adapter(adapter.source, weights.header.arch, revision=adapter.revision, folder=adapter.folder)


def find_projector(model: ModelSettings, weights: Weights) -> Path | None:
    """The file that lets `model` see or hear; None: it takes text alone. Blocks on the disk.

    Raises WeightsNotFoundError where the entry asks for one that is not here.
    """
    if not model.takes_projector or weights.header.kind != "text":
        return None
    return choose_projector_beside(weights, model.folder, model.format.mmproj, is_needed=model.needs_projector)

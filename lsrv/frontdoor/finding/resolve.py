"""From what an entry asks for to the one local GGUF that is it. Reads folders and headers; downloads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsrv import demo
from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding.checked import Weights, open_weights
from lsrv.frontdoor.finding.choice import NoChoiceError, pull_command
from lsrv.frontdoor.finding.places import Place, ready_places
from lsrv.frontdoor.hub.cache_layout import default_cache
from lsrv.frontdoor.spec import WeightsSpec


def resolve(spec: WeightsSpec, cache: Path | None = None) -> Weights:
    """The ready weights that `spec` means, with every header checked. Blocking: up to a second of disk reads.

    The first of `ready_places` that fits; `cache`: the Hugging Face cache (None: its usual place).
    Raises WeightsNotFoundError (with where it looked and what to do) or CorruptWeightsError.
    """
    cache = cache or default_cache()
    looked: list[str] = []
    weights = first_fitting(spec, ready_places(spec, cache), looked)
    if weights is None:
        raise _nothing(spec, cache, looked)
    return weights


def first_fitting(spec: WeightsSpec, found: Iterable[Place], looked: list[str]) -> Weights | None:
    """The weights in the first of `found` that has what is asked for; `looked` gains why others don't."""
    for place in found:
        if place.kind == "file" and spec.quantized_file not in ((), (place.candidates[0].name,)):
            raise WeightsNotFoundError(f"{spec.path}: names a file already; remove format.quantized_file")
        try:
            choice = place.choose(spec.asked, spec.quantized_file)
        except NoChoiceError as error:
            if place.is_named:
                raise WeightsNotFoundError(f"{place.folder}: {error}; mend the entry") from None
            looked.append(f"{_where(place)}: {error}")
            continue
        weights = open_weights(place.folder, choice, place.origin)
        _refuse_other(spec, weights)
        return weights
    return None


def _where(place: Place) -> str:
    program, _, name = place.origin.partition(", ")
    return f"{name} in the cache" if place.kind in ("cache", "sibling") else f"{name} of {program}"


def _refuse_other(spec: WeightsSpec, weights: Weights) -> None:
    """Never silently another quantization than the one asked for."""
    if spec.asked is not None and spec.asked.rank(weights.quantization) is None:
        raise WeightsNotFoundError(
            f'{weights.path}: is {weights.quantization}, but quant = "{spec.asked.text}" is asked for; '
            f"remove quant to serve it as it is, or name a GGUF of that quantization"
        )


def _nothing(spec: WeightsSpec, cache: Path, looked: list[str]) -> WeightsNotFoundError:
    if spec.is_local and not looked:
        return WeightsNotFoundError(
            f'"{spec.model_id}": there is no {spec.path.absolute()}, and it is no Hub id (OWNER/NAME); mend model_id, '
            f'or try the built-in "{demo.MODEL_ID}"'
        )
    if spec.is_local:
        return WeightsNotFoundError(f'"{spec.model_id}": {"; ".join(looked)}; mend the entry')
    repos = ", ".join(repo for repo, _ in spec.repos)
    places = "; ".join(looked) or f"none of {repos} in the Hugging Face cache {cache}"
    command = pull_command(spec.model_id, spec.asked, spec.quantized_file, spec.revision)
    return WeightsNotFoundError(
        f'"{spec.model_id}": no weights here (no file or folder {spec.path.absolute()}; {places}); '
        f"`{command}` fetches or makes them"
    )

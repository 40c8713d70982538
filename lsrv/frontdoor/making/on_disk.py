"""What a spec means by this disk alone: for paths, and for names while the Hub can't be asked. Fetches nothing.

Ready files first, then the model's own source, then what was made before. Without a quantization it is the highest
precision of all that is here.
"""

from __future__ import annotations

from pathlib import Path

from lsrv.errors import ConvertError, WeightsNotFoundError
from lsrv.frontdoor.finding.checked import Weights, open_weights
from lsrv.frontdoor.finding.choice import Choice, NoChoiceError, best_source
from lsrv.frontdoor.finding.places import Place, made_places, places, ready_places
from lsrv.frontdoor.finding.resolve import first_fitting, resolve
from lsrv.frontdoor.making.convert import check_convertible, read_config
from lsrv.frontdoor.making.maker import GgufSource, SafetensorsSource, Source
from lsrv.frontdoor.making.quantize import can_be_source
from lsrv.frontdoor.spec import WeightsSpec
from lsrv.frontdoor.store.store import Store
from lsrv.quantization import bits, is_full

_CONVERTED_BITS = 16  # of safetensors: their own precision


def find_here(spec: WeightsSpec, cache: Path, store: Store) -> Weights | Source:
    """What is on this disk, or what it can be made of. Raises WeightsNotFoundError, CorruptWeightsError."""
    missing = None
    asks_nothing = spec.takes_ready and spec.asked is None and not spec.quantized_file
    if asks_nothing and (best := _most_precise(spec, cache, store)) is not None:
        return best
    if spec.takes_ready:
        try:
            return resolve(spec, cache)
        except WeightsNotFoundError as error:
            missing = error
    if not spec.quantized_file and (source := _source_here(spec, cache)) is not None:
        return source
    if (made := first_fitting(spec, made_places(spec, store), [])) is not None:
        return made
    raise missing or WeightsNotFoundError(
        f'"{spec.model_id}": there is nothing here to quantize from; a source is F32, F16, BF16 or Q8_0'
    )


def find_in_programs_first(spec: WeightsSpec) -> Weights | None:
    """The fitting model of another program that goes by this name. Raises CorruptWeightsError."""
    return first_fitting(spec, (place for place in ready_places(spec, Path()) if place.kind == "program"), [])


def has_any(spec: WeightsSpec, cache: Path, store: Store) -> bool:
    """Whether something is here that the name may mean."""
    return any(place.candidates or _has_safetensors(place.folder) for place in places(spec, cache, store))


def name_of(spec: WeightsSpec) -> str:
    """What weights that are made of it are called."""
    return spec.model_id.rpartition("/")[2]


def _most_precise(spec: WeightsSpec, cache: Path, store: Store) -> Weights | Source | None:
    """The highest precision of all places: None where `resolve` has to say what is wrong."""
    found: list[tuple[int, Place]] = []
    for place in places(spec, cache, store):
        if place.trouble:
            return None
        if place.kind in ("file", "program") and place.candidates:
            return None  # in place, as it is
        try:
            found.append((bits(place.choose(None, ()).candidate.quantization or ""), place))
        except NoChoiceError:
            if place.candidates and place.is_whole:
                return None
        if place.is_own and spec.format != "gguf" and _is_convertible(place.folder):
            found.append((_CONVERTED_BITS, place))
    precision, place = max(found, key=lambda each: each[0], default=(0, None))
    if place is None:
        return None
    choice = _choice_in(place)
    if choice is not None and (is_full(choice.candidate.quantization or "") or precision < _CONVERTED_BITS):
        return open_weights(place.folder, choice, place.origin)
    return _safetensors(spec, place)


def _choice_in(place: Place) -> Choice | None:
    try:
        return place.choose(None, ())
    except NoChoiceError:
        return None


def _source_here(spec: WeightsSpec, cache: Path) -> Source | None:
    """The best source of the model's own."""
    for place in ready_places(spec, cache):
        if place.trouble:
            continue
        if place.kind == "file":
            weights = open_weights(place.folder, place.choose(None, ()), place.origin)
            return GgufSource(weights, place.origin) if can_be_source(weights.quantization) else None
        if place.is_own:
            return _source_in(spec, place)
    return None


def _source_in(spec: WeightsSpec, place: Place) -> Source | None:
    """The best source in a folder: a GGUF of full precision, else safetensors."""
    found = best_source(place.candidates)
    if found is not None and spec.format != "plain":
        origin = _source_origin(spec, place)
        return GgufSource(open_weights(place.folder, Choice(found, "the best source"), origin), origin)
    is_whole = spec.format != "gguf" and _has_safetensors(place.folder)
    return _safetensors(spec, place) if is_whole else None


def _safetensors(spec: WeightsSpec, place: Place) -> SafetensorsSource:
    name = name_of(spec) if place.kind == "cache" else place.folder.resolve().name
    return SafetensorsSource(place.folder, _source_origin(spec, place), name)


def _source_origin(spec: WeightsSpec, place: Place) -> str:
    return spec.repo_at if place.kind == "cache" else place.origin


def _has_safetensors(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _is_convertible(folder: Path) -> bool:
    """Whether lsrv can convert what lies there; a GGUF beside it will do where it can't."""
    if not _has_safetensors(folder):
        return False
    try:
        check_convertible(read_config(folder / "config.json"), [path.name for path in folder.iterdir()])
    except ConvertError:
        return False
    return True

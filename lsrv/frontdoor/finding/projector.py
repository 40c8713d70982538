"""Which projector goes with a model: the one that an entry names, or one that lies beside the weights."""

from __future__ import annotations

import re
from pathlib import Path

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding.checked import Weights
from lsrv.frontdoor.finding.choice import candidates_of, choose_projector, is_model
from lsrv.home import expanded

_NO_WORD = re.compile(r"mmproj|model|[-_.]?(?:bf16|f16|f32|i?q\d[\w]*)(?=$|[-_.])|[^a-z0-9]")
_NOBODYS = ""  # what is left of "mmproj-model-f16": it belongs to whatever lies there


def choose_projector_beside(weights: Weights, folder: Path, named: str | None, *, is_needed: bool) -> Path | None:
    """The projector for `weights`; None where there is none and none `is_needed`.

    `named` is a path, from `folder` on, or the name of a file beside the weights. Without it, one that lies beside them
    is taken if it is theirs: by its name, or because nothing else lies there. Raises WeightsNotFoundError.
    """
    if named is not None:
        return _named(weights, folder, named)
    beside = weights.path.parent
    names = _names_in(beside)
    models = [each for each in candidates_of(names) if is_model(each)]
    ours = [name for name in names if _is_theirs(name, weights.path.name, len(models))]
    chosen = choose_projector(ours)
    if chosen is not None:
        return beside / chosen
    if is_needed:
        raise WeightsNotFoundError(
            f"{weights.path}: no projector lies beside it (mmproj-….gguf), so it sees and hears nothing; name one as "
            'format.mmproj, or write kind = "text"'
        )
    return None


def _named(weights: Weights, folder: Path, named: str) -> Path:
    places = (folder / expanded(named), weights.path.parent / named)
    for place in places:
        if place.is_file():
            return place
    raise WeightsNotFoundError(f"format.mmproj: neither {places[0]} nor {places[1]} is there; name a projector's GGUF")


def _names_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []  # who may open a file by its name need not see what lies beside it


def _is_theirs(projector: str, weights: str, n_models: int) -> bool:
    word = _word(projector)
    return n_models <= 1 if word == _NOBODYS else _word(weights).startswith(word) or word.startswith(_word(weights))


def _word(name: str) -> str:
    """The name of a model in a file's name: small letters and digits, without quantization."""
    return _NO_WORD.sub("", name.lower().removesuffix(".gguf"))

"""What a load begins with, once its weights are here: the files it depends on, and what the worker is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lsrv.config import ModelSettings, read_template, template_path
from lsrv.errors import WeightsNotFoundError
from lsrv.file_digest import stamp_of
from lsrv.frontdoor import Weights
from lsrv.protocol.commands import AdapterFile, LoadParams
from lsrv.registry.loading.failure import Fingerprint
from lsrv.registry.loading.params import load_params
from lsrv.registry.loading.weights import find_adapter_file, find_projector
from lsrv.registry.offered_adapters import OfferedAdapter


class LoadBasis(msgspec.Struct, frozen=True):
    """`adapters[i]` lies in `params.adapters[i]`; a load may still change where and how `params` compute."""

    weights: Weights
    adapters: tuple[OfferedAdapter, ...]
    params: LoadParams
    files: Fingerprint


def find_basis(
    model: ModelSettings, adapters: Sequence[OfferedAdapter], weights: Weights, draft: Weights | None
) -> LoadBasis:
    """All that is read from disk beside the weights before a worker is needed. Blocks.

    Raises BuildError, ConfigError.
    """
    files = [AdapterFile(adapter.name, str(find_adapter_file(adapter, weights))) for adapter in adapters]
    paths = [*(weights.shards or (weights.path,)), *(Path(file.path) for file in files)]
    paths += [draft.path] if draft is not None else []
    projector = find_projector(model, weights)
    paths += [projector] if projector is not None else []
    template = model.jinja_explicit or model.chat_template
    if template is not None and (path := template_path(template)) is not None:
        paths.append(path)
    chat_template = None if template is None else read_template(template)
    params = load_params(model, weights, chat_template, files, draft, projector)
    return LoadBasis(weights, tuple(adapters), params, _fingerprint(model, paths))


def _fingerprint(model: ModelSettings, paths: Sequence[Path]) -> Fingerprint:
    """Changes when one of the files a load depends on is replaced. Raises WeightsNotFoundError if one is missing."""
    try:
        return tuple(stamp_of(path) for path in paths)
    except OSError as error:
        raise WeightsNotFoundError(f"a file of model '{model.model_id}' can't be read: {error}") from error

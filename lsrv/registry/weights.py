"""Where the registry and the front door meet: an entry's settings in the front door's words."""

from __future__ import annotations

from pathlib import Path

from lsrv.config import ModelSettings
from lsrv.frontdoor import Weights, find_adapter, resolve
from lsrv.registry.adapters import Adapter


def find_weights(model: ModelSettings) -> Weights:
    """The GGUF on this machine for an entry. Blocks on the disk. Raises BuildError."""
    return resolve(
        model.model_id,
        quant=model.quantization.quant,
        quantized_file=model.format.quantized_file,
        revision=model.revision,
        folder=model.folder,
    )


def find_adapter_file(adapter: Adapter, weights: Weights) -> Path:
    """The GGUF on this machine of an adapter for a model with these weights. Blocks. Raises BuildError."""
    return find_adapter(adapter.source, weights.header.arch, revision=adapter.revision, folder=adapter.folder)

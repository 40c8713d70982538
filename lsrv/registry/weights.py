"""Where the registry and the front door meet: an entry's settings in the front door's words."""

from __future__ import annotations

from lsrv.config import ModelSettings
from lsrv.frontdoor import Weights, resolve


def find_weights(model: ModelSettings) -> Weights:
    """The GGUF on this machine for an entry. Blocks on the disk. Raises BuildError."""
    return resolve(
        model.model_id,
        quant=model.quantization.quant,
        quantized_file=model.format.quantized_file,
        revision=model.revision,
        folder=model.folder,
    )

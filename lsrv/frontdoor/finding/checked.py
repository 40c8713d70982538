"""A GGUF on this machine whose headers were read and found sound: what every way through the front door ends in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lsrv.errors import CorruptWeightsError
from lsrv.frontdoor.finding.choice import Candidate, Choice
from lsrv.frontdoor.gguf.header import GgufHeader, read_header, require_model
from lsrv.quantization import bits

MADE_HERE = "made here"  # the beginning of such an origin


@dataclass(frozen=True)
class Weights:
    """A checked GGUF: `path` is what llama.cpp opens (the first shard), `shards` all its files in order."""

    path: Path
    shards: tuple[Path, ...]
    size_bytes: int
    quantization: str
    origin: str  # where it was found, for people
    chosen_because: str
    header: GgufHeader

    @property
    def is_made_here(self) -> bool:
        """Whether lsrv converted or quantized it."""
        return self.origin.startswith(MADE_HERE)


def open_weights(folder: Path, choice: Choice, origin: str) -> Weights:
    """The files of `choice` in `folder`, checked. Blocking: up to a second. Raises CorruptWeightsError."""
    shards = tuple(folder / name for name in choice.candidate.files)
    strange = [shard for shard in shards if shard.suffix != ".gguf"]
    if strange and len(choice.candidate.files) > 1:
        raise CorruptWeightsError(f"{strange[0]}: llama.cpp knows parts of a model by .gguf at the end; rename them")
    headers = [read_header(shard) for shard in shards]
    first = headers[0]
    require_model(shards[0], first)
    if first.n_shards != len(shards):
        raise CorruptWeightsError(f"{shards[0]}: says it has {first.n_shards} parts, but {len(shards)} are there")
    if not any(header.n_tensors for header in headers):
        raise CorruptWeightsError(f"{shards[0]}: holds a vocabulary and no tensors; name the model's own GGUF")
    quantization = true_quantization(choice.candidate, first)
    size_bytes = sum(header.size_bytes for header in headers)
    return Weights(shards[0], shards, size_bytes, quantization, origin, choice.because, first)


def true_quantization(candidate: Candidate, header: GgufHeader) -> str:
    """The name's, which is finer ("UD-Q4_K_XL"), unless the header says another width."""
    label, written = candidate.quantization, header.quantization
    return label if label and (bits(label) == bits(written) or not bits(written)) else written

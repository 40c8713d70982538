"""What llama.cpp can make, and of what. Pure.

Sources: llama_ftype_get_default_type and tensor_type_fallback of llama-quant.cpp, QUANT_OPTIONS of llama-quantize.
"""

from __future__ import annotations

from collections.abc import Mapping

from lsrv.errors import QuantizeError
from lsrv.quantization import FILE_TYPES, Quant, parse_quant

_NUMBERS = {name: number for number, name in FILE_TYPES.items() if name != "NVFP4"}  # NVFP4 is read, never made
_ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "MXFP4": "MXFP4_MOE"}
_SOURCES = frozenset({"F32", "F16", "BF16", "Q8_0"})

# What a tensor becomes whose rows are not divisible by 256, and which no K- or I-quant uses otherwise, but for few.
_FALLBACK_TYPES = ("Q4_0", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "F16")


def makeable(quant: str | Quant) -> str:
    """The name of what is made here for `quant` ("4" -> "Q4_K_M"): the first of its names that llama.cpp can make.

    Raises QuantizeError with what to write instead.
    """
    try:
        wanted = parse_quant(quant) if isinstance(quant, str) else quant
    except ValueError as error:
        raise QuantizeError(f"quant: {error}") from None
    names = [_ALIASES.get(name, name) for name in wanted.names]
    if found := next((name for name in names if name in _NUMBERS), None):
        return found
    raise QuantizeError(
        f'"{wanted.text}" is a mix that others publish and llama.cpp can\'t make; write one of {", ".join(_NUMBERS)}, '
        "or leave out isq to look for a file of that name"
    )


def file_type(name: str) -> int:
    """The llama_ftype of a name that `makeable` gave."""
    return _NUMBERS[name]


def can_be_source(quantization: str) -> bool:
    """Whether weights of that quantization still hold enough to quantize from: 16 bits and more, or Q8_0."""
    return quantization in _SOURCES


def fallback_share(quantization: str, tensor_bytes: Mapping[str, int]) -> float:
    """The part (0..1, by bytes) of a K- or I-quant file that became another type, for its rows don't divide by 256."""
    is_row_256 = "_K" in quantization or (quantization.startswith(("IQ", "TQ")) and quantization != "IQ4_NL")
    if not is_row_256:
        return 0.0
    return sum(tensor_bytes.get(name, 0) for name in _FALLBACK_TYPES) / max(sum(tensor_bytes.values()), 1)

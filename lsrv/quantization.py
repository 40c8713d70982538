"""Names of quantizations and what `quant = "..."` asks for. Pure; config checks the word, the front door chooses by it.

Sources: `enum llama_ftype` in llama.h for the numbers; mistral.rs v0.9.2 `--quant` for the order among equals.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from lsrv.echo import echo

# llama_ftype -> name. Numbers that llama.cpp no longer reads (4, 5, 6, 33, 34, 35) are left out.
FILE_TYPES: dict[int, str] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4",
    40: "Q1_0", 41: "Q2_0",
}  # fmt: skip

# Names that stand in file names without being a llama_ftype of their own.
_FILE_NAME_ONLY = ("Q2_K_L", "Q3_K", "Q4_K", "Q4_K_L", "Q5_K", "Q5_K_L", "Q6_K_L", "Q8_K", "MXFP4")
NAMES: tuple[str, ...] = (*FILE_TYPES.values(), *_FILE_NAME_ONLY)

_UD = "UD-"  # Unsloth's mixes: any of the width, at this place

# The order in which a number or a family ("q4k") is satisfied; the rest of the same width follows.
_PREFERRED: dict[int, tuple[str, ...]] = {
    2: ("Q2_K", "Q2_K_L", "Q2_K_S", _UD, "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS"),
    3: ("Q3_K_M", "Q3_K_S", "Q3_K_L", "Q3_K", _UD, "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS"),
    4: ("Q4_K_M", "Q4_K_S", "Q4_K_L", "Q4_K", _UD, "IQ4_XS", "IQ4_NL", "Q4_1", "Q4_0"),
    5: ("Q5_K_M", "Q5_K_S", "Q5_K_L", "Q5_K", _UD, "Q5_1", "Q5_0"),
    6: ("Q6_K", "Q6_K_L", _UD),
    8: ("Q8_0", _UD, "Q8_K"),
}
_STEP = 100  # between two places of an order: more than an order has
_NAME = re.compile(r"(?:UD-)?(?:(?:I?Q|TQ)\d(?:_[A-Z0-9]+)+|B?F16|F32|MXFP4(?:_MOE)?|NVFP4)", re.IGNORECASE)
_FAMILY = re.compile(r"Q(\d)_?K", re.IGNORECASE)
_FOREIGN = re.compile(r"(?:HQQ|AFQ|FP|F8Q)\d+", re.IGNORECASE)


_FULL_PRECISION_BITS = 16

AutoQuant = Literal["auto"]  # what fits this machine
AUTO: AutoQuant = "auto"


@dataclass(frozen=True)
class Quant:
    """What was asked for. `names` in order of preference; `bits` set where any other name of that width will do."""

    text: str
    names: tuple[str, ...]
    bits: int | None = None

    def __str__(self) -> str:
        return self.text

    def rank(self, quantization: str) -> int | None:
        """0 is the best match; None: `quantization` (a name as in a file name, "UD-" allowed) isn't what was asked."""
        name = quantization.upper()
        if name in self.names:
            return self.names.index(name) * _STEP
        if name.startswith(_UD):
            return self._rank_of_mix(name.removeprefix(_UD))
        return len(self.names) * _STEP if self.bits is not None and bits(name) == self.bits else None

    def _rank_of_mix(self, plain: str) -> int | None:
        """Where mixes stand, in the order of the plain names; behind everything if nothing says where."""
        is_of_width = self.bits is not None and bits(plain) == self.bits
        if plain not in self.names and not is_of_width:
            return None
        place = self.names.index(_UD) if _UD in self.names else len(self.names)
        return place * _STEP + 1 + (self.names.index(plain) if plain in self.names else len(self.names))


def parse_quant(text: str) -> Quant:
    """The meaning of `quant = text`: "2".."8" (a width), "q4k" (a family), or a name such as "Q5_K_M" or "UD-Q4_K_XL".

    Raises ValueError with what to write instead.
    """
    word = text.strip().upper()
    if word.isdecimal():
        return _by_width(word)
    if family := _FAMILY.fullmatch(word):
        return _by_family(text, int(family[1]))
    if _FOREIGN.fullmatch(word):
        raise ValueError(
            f'"{echo(text)}" is no GGUF quantization; write a width such as "4" or "8", or a name such as "Q8_0"'
        )
    if word.startswith("UD-") and _NAME.fullmatch(word):
        return Quant(text, (word,))
    if word in NAMES:
        return Quant(text, (word,))
    near = difflib.get_close_matches(word, NAMES, n=1, cutoff=0.6)
    hint = f'did you mean "{near[0]}"?' if near else 'write a width such as "4", or a name such as "Q4_K_M"'
    raise ValueError(f'"{echo(text)}" is not a quantization; {hint}')


def bits(quantization: str) -> int:
    """Width of a quantization in bits per weight, rounded down: "Q4_K_M" -> 4, "BF16" -> 16. 0: not a known name."""
    plain = quantization.upper().removeprefix("UD-")
    found = re.match(r"(?:I?Q|TQ|B?F|MXFP|NVFP)(\d+)", plain)
    return int(found[1]) if found else 0


def is_full(quantization: str) -> bool:
    """Whether it is a precision that models are published in: 16 bits or more."""
    return bits(quantization) >= _FULL_PRECISION_BITS


def find_name(file_stem: str) -> str | None:
    """The quantization that a file name carries: "Qwen3-4B-UD-Q4_K_XL" -> "UD-Q4_K_XL"; the last one wins."""
    found = list(re.finditer(rf"(?<![A-Za-z0-9])({_NAME.pattern}|FP16|FP32)(?![A-Za-z0-9])", file_stem, re.IGNORECASE))
    return found[-1][1].upper().replace("FP16", "F16").replace("FP32", "F32") if found else None


def without_name(file_stem: str) -> str:
    """`file_stem` without the quantization that it ends in: "Qwen3-4B-UD-Q4_K_XL" -> "Qwen3-4B"."""
    return re.sub(rf"[-_.](?:{_NAME.pattern}|FP16|FP32)$", "", file_stem, flags=re.IGNORECASE)


def _by_width(word: str) -> Quant:
    width = int(word) if len(word) < 4 else 0
    if width not in _PREFERRED:
        raise ValueError(f'"{echo(word)}" is not a width GGUF has; write one of {", ".join(map(str, _PREFERRED))}')
    return Quant(word, _PREFERRED[width], width)


def _by_family(text: str, width: int) -> Quant:
    names = tuple(name for name in _PREFERRED.get(width, ()) if "_K" in name)
    if not names:
        raise ValueError(f'"{echo(text)}" is not a quantization; write a width such as "4", or a name such as "Q4_K_M"')
    return Quant(text, names)

"""`samplers`: which ones choose a token. Those that are not named are left out; the order is always ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from lsrv.echo import echo
from lsrv.protocol.commands import Sampling

# By llama.cpp's name, in the order in which they are applied: the settings with which each changes nothing.
_WITHOUT_EFFECT: Mapping[str, Mapping[str, float]] = {
    "penalties": {"repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0},
    "dry": {"dry_multiplier": 0.0},
    "top_n_sigma": {"top_n_sigma": -1.0},
    "top_k": {"top_k": 0},
    "typ_p": {"typical_p": 1.0},
    "top_p": {"top_p": 1.0},
    "min_p": {"min_p": 0.0},
    "xtc": {"xtc_probability": 0.0},
    "temperature": {"temperature": 1.0, "dynatemp_range": 0.0},
}
_LETTERS = {
    "e": "penalties", "d": "dry", "s": "top_n_sigma", "k": "top_k", "y": "typ_p", "p": "top_p", "m": "min_p",
    "x": "xtc", "t": "temperature", "i": "infill", "a": "adaptive_p",
}  # fmt: skip
_OTHER_NAMES = {"typical_p": "typ_p", "typical": "typ_p", "typ": "typ_p", "temp": "temperature", "nucleus": "top_p"}

ALL_SAMPLERS = tuple(_WITHOUT_EFFECT)


def named_samplers(given: str | list[str] | None) -> tuple[str, ...] | None:
    """What a list of names or a text of letters names, by llama.cpp's names; None: all."""
    if given is None:
        return None
    names = [_LETTERS.get(each, each) for each in given]
    plain = [name.replace("-", "_") for name in names]
    return tuple(_OTHER_NAMES.get(name, name) for name in plain)


def only(sampling: Sampling, named: tuple[str, ...] | None) -> Sampling:
    """`sampling` with all others switched off."""
    if named is None:
        return sampling
    off = {key: value for name, values in _WITHOUT_EFFECT.items() if name not in named for key, value in values.items()}
    return replace(sampling, **off)


def notes_on_samplers(named: tuple[str, ...] | None) -> list[str]:
    """What of it is not done."""
    if named is None:
        return []
    known = [name for name in named if name in _WITHOUT_EFFECT]
    notes = [f"samplers: {echo(name)} is not known" for name in named if name not in _WITHOUT_EFFECT]
    if known != sorted(set(known), key=ALL_SAMPLERS.index):
        notes.append(f"samplers: they are applied once each, as {', '.join(ALL_SAMPLERS)}")
    return notes

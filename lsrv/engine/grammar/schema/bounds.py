"""Bounds that can't be written: of numbers beyond 64 bits, of lengths beyond all contexts. Pure."""

from __future__ import annotations

import math

from lsrv.engine.grammar.schema.path import Schema, SchemaPath

# Bounds become 64-bit integers by way of floats: this is the largest float that is one.
_MAX_NUMBER = 2**63 - 1024
_MAX_OPEN = 10**18  # a lower bound from here on can't be written without an upper one
_MAX_COUNT = 1 << 20  # of items, keys and characters: no context is as long
_SIDES = (("minimum", "exclusiveMinimum", "maximum"), ("maximum", "exclusiveMaximum", "minimum"))
_LEAST = ("minLength", "minItems", "minProperties")
_MOST = ("maxLength", "maxItems", "maxProperties")


def bounded(schema: Schema, place: SchemaPath) -> Schema:
    """`schema` with bounds that can be kept; what they allow was allowed before. Raises ValueError."""
    kept = dict(schema)
    for (word, exclusive, other), sign in zip(_SIDES, (-1, 1), strict=True):
        for each in (word, exclusive):
            if (bound := _number(kept.get(each))) is not None:
                kept[each] = _clamped(bound, sign, place.at(each))
                if sign * bound <= -_MAX_OPEN:
                    kept.setdefault(other, -sign * _MAX_NUMBER)
    _bound_counts(kept, place)
    return kept


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _clamped(bound: float, sign: int, place: SchemaPath) -> float:
    """The furthest bound towards `sign` that a float holds, and that lets nothing more pass than `bound`."""
    if sign * bound < -_MAX_NUMBER:
        raise place.refusal(f"bounds can be kept up to {_MAX_NUMBER} only; choose one nearer to 0, or none")
    if sign * bound > _MAX_NUMBER:
        return sign * _MAX_NUMBER
    near = float(bound)
    if sign * near > sign * bound:
        near = math.nextafter(near, -sign * math.inf)
    return int(near) if isinstance(bound, int) else near


def _bound_counts(kept: Schema, place: SchemaPath) -> None:
    for word in _MOST:
        if (count := _number(kept.get(word))) is not None:
            kept[word] = math.floor(min(count, _MAX_COUNT))
            if count >= _MAX_COUNT:
                del kept[word]
    for word in _LEAST:
        if (count := _number(kept.get(word))) is not None:
            if count >= _MAX_COUNT:
                raise place.at(word).refusal("no answer can be as long; ask for less, or leave it out")
            kept[word] = math.ceil(count)

"""Which bytes of a file are here and which are not. Pure."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]  # [first, end)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same bytes as sorted spans that neither touch nor overlap."""
    found: list[Span] = []
    for first, end in sorted(span for span in spans if span[0] < span[1]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return found


def n_bytes(spans: Iterable[Span]) -> int:
    """How many bytes merged spans hold."""
    return sum(end - first for first, end in spans)


def n_leading(spans: list[Span]) -> int:
    """How many bytes of the file's beginning merged spans hold without a gap."""
    return spans[0][1] if spans and spans[0][0] == 0 else 0


def missing(held: list[Span], size_bytes: int) -> list[Span]:
    """The gaps in merged `held` up to `size_bytes`."""
    edges = [0, *(edge for span in held for edge in span), size_bytes]
    return [(first, end) for first, end in zip(edges[::2], edges[1::2], strict=True) if first < end]


def segments(gaps: Iterable[Span], segment_bytes: int) -> list[Span]:
    """The gaps, cut into pieces of at most `segment_bytes`, in order."""
    return [
        (start, min(start + segment_bytes, end)) for first, end in gaps for start in range(first, end, segment_bytes)
    ]

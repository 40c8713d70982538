"""Calls of tools from the pieces that events bring. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from lsrv.protocol.events import CallDelta


def joined_calls(pieces: Iterable[CallDelta]) -> list[CallDelta]:
    """Whole calls in their order: name, id and all arguments of each."""
    firsts: dict[int, CallDelta] = {}
    arguments: dict[int, list[str]] = {}
    for piece in pieces:
        firsts.setdefault(piece.index, piece)
        arguments.setdefault(piece.index, []).append(piece.arguments)
    return [CallDelta(i, "".join(arguments[i]), firsts[i].name, firsts[i].id) for i in sorted(firsts)]

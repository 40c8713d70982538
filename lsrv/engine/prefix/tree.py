"""A radix tree over token sequences: who holds the longest beginning of a prompt. Pure; knows no slot and no memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

import numpy as np

from lsrv.engine.llama.vocab import Tokens

H = TypeVar("H", bound=Hashable)

_NO_TOKENS: Tokens = np.empty(0, np.int32)


def n_common_prefix(a: Tokens, b: Tokens) -> int:
    """How many leading tokens `a` and `b` share."""
    n = min(len(a), len(b))
    differing = np.flatnonzero(a[:n] != b[:n])
    return int(differing[0]) if len(differing) else n


class _Node(Generic[H]):
    """A beginning that its holders end with, or that several children go on from. `edge`: int32, from the parent."""

    __slots__ = ("children", "edge", "holders", "parent")

    def __init__(self, edge: Tokens, parent: _Node[H] | None) -> None:
        self.edge = edge
        self.parent = parent
        self.children: dict[int, _Node[H]] = {}
        self.holders: dict[H, None] = {}  # a set that keeps its order


class PrefixTree(Generic[H]):
    """Holders by the tokens they hold. The same tokens may have many holders; a holder is in it once.

    Each `namespace` has a root of its own: what is held in one is not found in another.
    """

    def __init__(self) -> None:
        self._roots: dict[Hashable, _Node[H]] = {}

    def insert(self, tokens: Tokens, holder: H, namespace: Hashable = None) -> None:
        """Add a holder of `tokens`, int32 (n,), which must not change any more."""
        root = self._roots.setdefault(namespace, _Node(_NO_TOKENS, None))
        node, n_shared = self._deepest(root, tokens)
        if n_shared < len(tokens):
            node = self._add_child(node, tokens[n_shared:])
        node.holders[holder] = None

    def remove(self, tokens: Tokens, holder: H, namespace: Hashable = None) -> None:
        """Forget a holder. Raises KeyError if it does not hold `tokens`."""
        root = self._roots[namespace]
        node, n_shared = self._deepest(root, tokens)
        if n_shared < len(tokens):
            raise KeyError(holder)
        del node.holders[holder]
        self._tidy(node)
        if not (root.children or root.holders):
            del self._roots[namespace]

    def matches(self, tokens: Tokens, namespace: Hashable = None) -> Iterator[tuple[int, H]]:
        """Every holder that shares a beginning with `tokens`, and how many tokens; the longest first.

        The tree must not change while this is being read.
        """
        root = self._roots.get(namespace)
        if root is None:
            return
        below: _Node[H] | None = None
        for node, n_shared in reversed(list(self._descend(root, tokens))):
            if n_shared == 0:
                return
            for holder in _holders(node, below):
                yield n_shared, holder
            below = node

    def beginnings(self, tokens: Tokens, namespace: Hashable = None) -> Iterator[H]:
        """Every holder whose tokens, all of them, `tokens` begin with. The tree must not change meanwhile."""
        root = self._roots.get(namespace)
        n_before = 0
        for node, n_shared in self._descend(root, tokens) if root is not None else ():
            if n_shared - n_before == len(node.edge):
                yield from node.holders
            n_before = n_shared

    def _descend(self, root: _Node[H], tokens: Tokens) -> Iterator[tuple[_Node[H], int]]:
        """Nodes from the root towards `tokens`, and how many tokens each shares; of the last edge maybe only a part."""
        node, n_shared = root, 0
        yield node, n_shared
        while n_shared < len(tokens):
            child = node.children.get(int(tokens[n_shared]))
            if child is None:
                return
            n_edge = n_common_prefix(child.edge, tokens[n_shared:])
            n_shared += n_edge
            yield child, n_shared
            if n_edge < len(child.edge):
                return
            node = child

    def _deepest(self, root: _Node[H], tokens: Tokens) -> tuple[_Node[H], int]:
        """The node at the end of all that is shared with `tokens`; an edge that parts midway is split there."""
        node, n_shared, n_before = root, 0, 0
        for child, n in self._descend(root, tokens):
            node, n_before, n_shared = child, n_shared, n
        n_edge = n_shared - n_before
        return (node if n_edge == len(node.edge) else _split(node, n_edge)), n_shared

    def _add_child(self, parent: _Node[H], edge: Tokens) -> _Node[H]:
        child: _Node[H] = _Node(edge, parent)
        parent.children[int(edge[0])] = child
        return child

    def _tidy(self, node: _Node[H]) -> None:
        """Drop a node that nobody needs; join one with its only child."""
        parent = node.parent
        if parent is None or node.holders or len(node.children) > 1:
            return
        if node.children:
            (child,) = node.children.values()
            child.edge = np.concatenate([node.edge, child.edge])
            child.parent = parent
            parent.children[int(child.edge[0])] = child
            return
        del parent.children[int(node.edge[0])]
        self._tidy(parent)


def _split(node: _Node[H], n_edge: int) -> _Node[H]:
    """A new node in the middle of the edge to `node`, `n_edge` tokens from its parent."""
    assert node.parent is not None
    middle: _Node[H] = _Node(node.edge[:n_edge], node.parent)
    node.parent.children[int(node.edge[0])] = middle
    node.edge = node.edge[n_edge:]
    node.parent = middle
    middle.children[int(node.edge[0])] = node
    return middle


def _holders(node: _Node[H], without: _Node[H] | None) -> Iterator[H]:
    """All holders at and below `node`, except those below `without`."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield from current.holders
        pending.extend(child for child in current.children.values() if child is not without)

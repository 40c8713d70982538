from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.prefix.tree import PrefixTree, n_common_prefix

# Two letters and short words make shared beginnings, equal words and words inside others likely.
words = st.lists(st.integers(0, 1), max_size=8)


def tokens(*ids: int) -> Tokens:
    return np.array(ids, np.int32)


def test_common_prefix_counts_leading_tokens_only() -> None:
    assert n_common_prefix(tokens(1, 2, 3), tokens(1, 2, 4, 3)) == 2
    assert n_common_prefix(tokens(1, 2), tokens(1, 2, 3)) == 2
    assert n_common_prefix(tokens(), tokens(1)) == 0


@given(st.lists(st.tuples(words, st.booleans()), max_size=30), words)
def test_matches_are_those_of_comparing_with_every_holder(
    history: list[tuple[list[int], bool]], asked: list[int]
) -> None:
    tree: PrefixTree[int] = PrefixTree()
    held: dict[int, Tokens] = {}
    for number, (word, is_removed) in enumerate(history):
        held[number] = tokens(*word)
        tree.insert(held[number], number)
        if is_removed:
            gone = number // 2
            if gone in held:
                tree.remove(held.pop(gone), gone)
    found = list(tree.matches(tokens(*asked)))
    shared = {number: n_common_prefix(word, tokens(*asked)) for number, word in held.items()}
    assert {number: n for n, number in found} == {number: n for number, n in shared.items() if n > 0}
    whole = [number for number, word in held.items() if len(word) == n_common_prefix(word, tokens(*asked))]
    assert sorted(tree.beginnings(tokens(*asked))) == whole
    assert [n for n, _ in found] == sorted((n for n, _ in found), reverse=True)
    assert len(found) == len({number for _, number in found})


@given(st.lists(words, max_size=20))
def test_a_tree_whose_holders_are_all_gone_is_empty(held: list[list[int]]) -> None:
    tree: PrefixTree[int] = PrefixTree()
    for number, word in enumerate(held):
        tree.insert(tokens(*word), number)
    for number, word in enumerate(held):
        tree.remove(tokens(*word), number)
    assert not tree._roots


def test_what_is_held_in_one_namespace_is_not_found_in_another() -> None:
    tree: PrefixTree[str] = PrefixTree()
    tree.insert(tokens(1, 2, 3), "a", "x")
    tree.insert(tokens(1, 2), "b", "y")
    assert list(tree.matches(tokens(1, 2, 3), "x")) == [(3, "a")]
    assert list(tree.matches(tokens(1, 2, 3), "y")) == [(2, "b")]
    assert list(tree.matches(tokens(1, 2, 3))) == []
    with pytest.raises(KeyError):
        tree.remove(tokens(1, 2), "b", "x")
    tree.remove(tokens(1, 2, 3), "a", "x")
    assert list(tree.matches(tokens(1, 2, 3), "y")) == [(2, "b")]


def test_removing_what_is_not_held_says_so() -> None:
    tree: PrefixTree[str] = PrefixTree()
    tree.insert(tokens(1, 2, 3), "a")
    with pytest.raises(KeyError):
        tree.remove(tokens(1, 2), "a")
    with pytest.raises(KeyError):
        tree.remove(tokens(1, 2, 4), "a")
    assert list(tree.matches(tokens(1, 2, 4))) == [(2, "a")]

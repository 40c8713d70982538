"""What of a cache goes to disk when its model is unloaded: the last used first, until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lsrv.engine.llama.memory import State
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.prefix.choice import PrefixHolder, is_worth_keeping
from lsrv.engine.prefix.folder import FiledSequence, SequenceFolder
from lsrv.engine.prefix.tree import PrefixTree


@dataclass(frozen=True, slots=True, eq=False)
class Fileable:
    """A sequence that could go to disk."""

    tokens: Tokens
    n_shortest: int
    read: Callable[[], State]


def file_sequences(
    sequences: Iterable[Fileable], filed: Iterable[FiledSequence], folder: SequenceFolder, until_s: float
) -> int:
    """Write what is worth it and not `filed` yet, until `until_s` (time.monotonic); returns how many files that made.

    The one in work at that time is finished. Files of sequences that have gone on since are deleted.
    """
    tree: PrefixTree[FiledSequence | Fileable] = PrefixTree()
    for each in filed:
        tree.insert(each.tokens, each)
    n_files = 0
    folder.take_stock()
    for sequence in sequences:
        if time.monotonic() >= until_s:
            break
        matches = list(tree.matches(sequence.tokens))
        others = (PrefixHolder(other, n, len(other.tokens), other.n_shortest) for n, other in matches)
        if not is_worth_keeping(len(sequence.tokens), others):
            continue
        if not folder.write(sequence.tokens, sequence.n_shortest, sequence.read()):
            break
        n_files += 1
        tree.insert(sequence.tokens, sequence)
        for n_shared, other in matches:
            if isinstance(other, FiledSequence) and n_shared == len(other.tokens) >= sequence.n_shortest:
                folder.drop(other)
                tree.remove(other.tokens, other)
    return n_files

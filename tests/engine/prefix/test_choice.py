from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.prefix.choice import N_WORTH_KEEPING, PrefixHolder, is_worth_keeping, n_usable

N_MAX = 400
lengths = st.integers(0, N_MAX)
candidates = st.builds(PrefixHolder, holder=st.none(), n_shared=lengths, n_held=lengths, n_shortest=lengths)


@given(lengths, st.lists(candidates, max_size=8))
def test_what_is_worth_keeping_differs_from_all_others(n_tokens: int, others: list[PrefixHolder[None]]) -> None:
    others.sort(key=lambda other: other.n_shared, reverse=True)
    n_own = n_tokens - max((n_usable(other, n_tokens) for other in others), default=0)
    assert is_worth_keeping(n_tokens, others) == (n_own >= N_WORTH_KEEPING and 8 * n_own >= n_tokens)


def test_those_who_share_too_little_are_not_looked_at() -> None:
    others = iter([PrefixHolder(None, 1, 100), PrefixHolder(None, 1, 100)])
    assert is_worth_keeping(100, others)
    assert len(list(others)) == 1

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.response_cache.memory import Kept, MemoryTier

DAY_S = 86400.0


def kept(n_bytes: int, model_id: str = "m", made_at: float = 0.0) -> Kept:
    return Kept(model_id, b"x" * n_bytes, made_at)


def test_the_answer_unused_longest_gives_way() -> None:
    size = kept(1000).n_bytes
    tier = MemoryTier(2 * size, DAY_S)
    tier.put("a", kept(1000))
    tier.put("b", kept(1000))
    assert tier.get("a", 0.0)
    tier.put("c", kept(1000))
    assert [bool(tier.get(key, 0.0)) for key in "abc"] == [True, False, True]


def test_an_answer_above_the_bound_leaves_the_others_alone() -> None:
    tier = MemoryTier(2000, DAY_S)
    tier.put("a", kept(10))
    tier.put("b", kept(2000))
    assert tier.get("a", 0.0) and not tier.get("b", 0.0)


def test_an_answer_grows_too_old() -> None:
    tier = MemoryTier(2000, DAY_S)
    tier.put("a", kept(10, made_at=0.0))
    assert tier.get("a", DAY_S)
    assert not tier.get("a", DAY_S + 1)
    assert tier.n_bytes.total() == 0


def test_a_purge_is_of_one_model() -> None:
    tier = MemoryTier(2000, DAY_S)
    tier.put("a", kept(10, "m"))
    tier.put("b", kept(10, "n"))
    tier.purge("m")
    assert not tier.get("a", 0.0) and tier.get("b", 0.0)
    assert tier.n_answers["m"] == tier.n_bytes["m"] == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3000), st.sampled_from("mn"))))
def test_the_bound_holds_and_the_sums_are_right(puts: list[tuple[str, int, str]]) -> None:
    tier = MemoryTier(4000, DAY_S)
    for key, n_bytes, model_id in puts:
        tier.put(key, kept(n_bytes, model_id))
        assert tier.n_bytes.total() <= 4000
    found = [answer for key in "abcdef" if (answer := tier.get(key, 0.0))]
    assert tier.n_bytes.total() == sum(answer.n_bytes for answer in found)
    assert tier.n_answers.total() == len(found)

"""Greedy answers that shall be the same, over batches, caches and processors that round a little differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lsrv.engine.load.loading import LoadedModel
from lsrv.protocol.events import TokenLogprob
from tests.engine.conftest import make_sequence

NEAR = 0.02  # of log-probabilities: cells of 16 bits, and sums in another order, turn no larger gap


def assert_same_texts(
    loaded: LoadedModel,
    prompts: Sequence[str],
    found: Sequence[str] | Mapping[int, str],
    expected: Sequence[str] | Mapping[int, str],
    **options: object,
) -> None:
    """`found[i]` continues `prompts[i]` as `expected[i]` does, or parts from it where two tokens are as likely.

    `options` are those that the answers were made with; the model is asked again only where texts differ.
    """
    assert len(found) == len(expected) == len(prompts)
    for i, prompt in enumerate(prompts):
        if found[i] != expected[i]:
            assert_near_tie(loaded, prompt, found[i], expected[i], **options)


def assert_near_tie(
    loaded: LoadedModel, prompt: str, found: str, expected: str, *, near: float = NEAR, **options: object
) -> None:
    """Both texts are one up to a token where what each goes on with is likeliest, but for `near`."""
    assert_parts_at_a_tie(likeliest(loaded, prompt, **options), found, expected, near)


def assert_parts_at_a_tie(tokens: Iterable[TokenLogprob], found: str, expected: str, near: float = NEAR) -> None:
    """As above, by the tokens of one of the two answers with the likeliest in the place of each."""
    written = ""
    for token in tokens:
        pieces = [each.text for each in token.top if token.top[0].logprob - each.logprob <= near]
        rests = [text[len(written) :] for text in (found, expected)]
        assert all(rest.startswith(tuple(pieces)) for rest in rests), f"after {written!r}, {pieces}: {rests}"
        written += token.text
        if not (found.startswith(written) and expected.startswith(written)):
            return
    raise AssertionError(f"{found!r} and {expected!r} go on where the model ends: {written!r}")


def likeliest(loaded: LoadedModel, prompt: str, **options: object) -> list[TokenLogprob]:
    """The model's own answer, computed alone, each token with the five likeliest in its place."""
    engine = loaded.generation
    assert engine is not None
    engine.fail_all()
    engine.submit(make_sequence(loaded, 0, prompt, n_top_logprobs=5, **options))
    tokens: list[TokenLogprob] = []
    while engine.has_work:
        for output in engine.step():
            tokens += output.logprobs or []
    return tokens

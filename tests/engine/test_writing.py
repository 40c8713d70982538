"""What becomes of a row of logits: a token that the constraint allows, and the text of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.thoughts import ThoughtLimit, ThoughtMarks
from lsrv.engine.writing import Writer
from lsrv.protocol.commands import Grammar, Sampling
from tests.engine.conftest import make_sequence, run_all
from tests.engine.grammars import Grammars

N_DRAWS = 3000


@pytest.fixture
def grammars(stories: LoadedModel) -> Grammars:
    return Grammars(stories.model.vocab)


def forced_text(stories: LoadedModel, grammars: Grammars, visible: frozenset[int]) -> str:
    """What a sequence says that may only write the token of `<s>` between two texts."""
    assert stories.generation is not None
    vocab = stories.model.vocab
    matcher = grammars.compile(Grammar("lark", f'start: "cat" <[{vocab.bos}]> "dog"', "grammar"))
    sequence = make_sequence(stories, 1, "Once", constraint=Constraint(matcher, vocab), visible=visible)
    return run_all(stories.generation, sequence)[1]


def test_control_tokens_have_no_text_unless_a_reader_needs_to_see_them(
    stories: LoadedModel, grammars: Grammars
) -> None:
    vocab = stories.model.vocab
    assert forced_text(stories, grammars, frozenset()) == "catdog"
    assert forced_text(stories, grammars, vocab.control_tokens(["<s>"])) == "cat<s>dog"


def test_control_tokens_are_found_inside_of_texts_and_ordinary_ones_are_not(stories: LoadedModel) -> None:
    vocab = stories.model.vocab
    assert vocab.control_tokens(["call<s>cat", "dog"]) == {vocab.bos}
    assert vocab.special_tokens("call<s>cat<s>") == [(vocab.bos, "<s>")] * 2


def test_tokens_are_drawn_as_if_all_that_a_constraint_bars_had_been_ruled_out_before(
    stories: LoadedModel, grammars: Grammars
) -> None:
    vocab = stories.model.vocab
    matcher = grammars.compile(Grammar("regex", "[a-e]x*", "grammar"))
    row = np.random.default_rng(1).normal(0, 2, vocab.n_tokens).astype(np.float32)
    letters = [t for t in range(vocab.n_tokens) if vocab.piece(t) in (b"a", b"b", b"c", b"d", b"e")]
    row[letters] += 2  # so that the first draw decides often, and is refused often
    counts = dict.fromkeys(letters, 0)
    writer = Writer(vocab)
    for seed in range(N_DRAWS):
        sampling = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
        constraint = Constraint(matcher.deep_copy(), vocab)
        sequence = make_sequence(stories, seed, "Once", sampling=sampling, constraint=constraint)
        writer.write(sequence, row.copy(), 0)
        counts[sequence.generated[0]] += 1
    weights = np.exp(row[letters].astype(float))
    expected = N_DRAWS * weights / weights.sum()
    chi_square = ((np.array(list(counts.values())) - expected) ** 2 / expected).sum()
    assert chi_square < 18.5, "with 4 degrees of freedom this is exceeded once in a thousand times"


def test_without_a_sampler_the_likeliest_token_that_a_constraint_allows_is_taken(
    stories: LoadedModel, grammars: Grammars
) -> None:
    vocab = stories.model.vocab
    row = np.zeros(vocab.n_tokens, np.float32)
    best, second = (next(t for t in range(vocab.n_tokens) if vocab.piece(t) == each) for each in (b"z", b"c"))
    row[best], row[second] = 5, 4
    for source, expected in (("[a-e]+", second), ("[a-z]+", best)):
        constraint = Constraint(grammars.compile(Grammar("regex", source, "grammar")), vocab)
        sequence = make_sequence(stories, 1, "Once", constraint=constraint)
        Writer(vocab).write(sequence, row.copy(), 0)
        assert sequence.generated == [expected]


def limited(stories: LoadedModel, n_max: int, *, is_open: bool, **options: Any) -> str:
    """A greedy answer whose thoughts end with "END"."""
    assert stories.generation is not None
    vocab = stories.model.vocab
    closing = vocab.tokenize("END", add_special=False, parse_special=True).tolist()
    marks = ThoughtMarks((b"was",), (b"END",), tuple(closing))
    limit = ThoughtLimit(marks, n_max, is_open=is_open)
    sequence = make_sequence(stories, 1, "Once upon a time", n_max_tokens=30, thought_limit=limit, **options)
    return run_all(stories.generation, sequence)[1]


def test_a_thought_is_closed_by_force_after_its_budget_of_tokens(stories: LoadedModel) -> None:
    thought, _, rest = limited(stories, 5, is_open=True).partition(" END")
    assert thought == ", there was a little"
    assert rest and "END" not in rest


def test_a_budget_of_nothing_closes_a_thought_at_once_and_one_that_is_opened_later_too(stories: LoadedModel) -> None:
    assert limited(stories, 0, is_open=True).startswith(" END")
    later = limited(stories, 0, is_open=False)
    assert "was END" in later


def test_forced_ends_of_thoughts_follow_the_grammar_and_have_logprobs(stories: LoadedModel, grammars: Grammars) -> None:
    vocab = stories.model.vocab
    source = 'start: thought "!" /[0-9]{2}/\nthought[lazy]: /(?s:.*)END/'
    constraint = Constraint(grammars.compile(Grammar("lark", source, "grammar")), vocab)
    text = limited(stories, 3, is_open=True, constraint=constraint, n_top_logprobs=1)
    thought, _, rest = text.partition("END")
    assert len(thought) < 20
    assert rest[0] == "!" and rest[1:].isdigit()


def test_a_thought_without_a_budget_goes_on_until_somebody_ends_it() -> None:
    limit = ThoughtLimit(ThoughtMarks((b"<t>",), (b"</t>",), (1, 2)), None, is_open=True)
    for _ in range(1000):
        limit.saw(b"a")
        assert limit.next_closing(lambda _: True) is None
    limit.end()
    assert [limit.next_closing(lambda _: True) for _ in range(2)] == [1, 2]
    limit.saw(b"</t>")
    assert limit.next_closing(lambda _: True) is None

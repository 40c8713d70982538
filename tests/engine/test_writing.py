"""What of a sequence's tokens becomes text."""

from __future__ import annotations

from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.load.loading import LoadedModel
from lsrv.protocol.commands import Grammar
from tests.engine.conftest import make_sequence, run_all
from tests.engine.grammars import Grammars


def forced_text(stories: LoadedModel, visible: frozenset[int]) -> str:
    """What a sequence says that may only write the token of `<s>` between two texts."""
    assert stories.generation is not None
    vocab = stories.model.vocab
    matcher = Grammars(vocab).compile(Grammar("lark", f'start: "cat" <[{vocab.bos}]> "dog"', "grammar"))
    sequence = make_sequence(stories, 1, "Once", constraint=Constraint(matcher, vocab), visible=visible)
    return run_all(stories.generation, sequence)[1]


def test_control_tokens_have_no_text_unless_a_reader_needs_to_see_them(stories: LoadedModel) -> None:
    vocab = stories.model.vocab
    assert forced_text(stories, frozenset()) == "catdog"
    assert forced_text(stories, vocab.control_tokens(["<s>"])) == "cat<s>dog"


def test_control_tokens_are_found_inside_of_texts_and_ordinary_ones_are_not(stories: LoadedModel) -> None:
    vocab = stories.model.vocab
    assert vocab.control_tokens(["call<s>cat", "dog"]) == {vocab.bos}

"""Against llama.cpp's own tokenizer."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsrv.engine.llama.partition import tokenize_around
from lsrv.engine.load.loading import LoadedModel

NAMES = ["<s>", "</s>", "<unk>"]
texts = st.lists(st.sampled_from([*NAMES, "<", "s>", " ", "\n", "Once upon", "é"])).map("".join)
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@shared
@given(texts)
def test_where_all_names_are_meant_the_tokens_are_llama_cpps(stories: LoadedModel, text: str) -> None:
    vocab = stories.model.vocab
    nowhere = frozenset([len(text)])
    expected = vocab.tokenize(text, add_special=True, parse_special=True)
    assert tokenize_around(vocab, text, nowhere, add_special=True).tolist() == expected.tolist()


@shared
@given(texts)
def test_where_none_is_meant_the_tokens_are_llama_cpps_too(stories: LoadedModel, text: str) -> None:
    vocab = stories.model.vocab
    everywhere = frozenset(range(len(text)))
    expected = vocab.tokenize(text, add_special=False, parse_special=False)
    assert tokenize_around(vocab, text, everywhere, add_special=False).tolist() == expected.tolist()


def test_only_a_name_that_is_meant_is_a_token(stories: LoadedModel) -> None:
    vocab = stories.model.vocab
    tokens = tokenize_around(vocab, "</s>Once</s>", frozenset([0]), add_special=False).tolist()
    assert tokens.count(vocab.eos) == 1
    assert tokens[-1] == vocab.eos
    assert vocab.detokenize(tokens).strip() == "</s>Once</s>"

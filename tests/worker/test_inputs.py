"""Pairs as tokens, and scores and vectors against what transformers and sentence-transformers computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsrv import demo
from lsrv.engine.llama.backend import Backend
from lsrv.engine.load.loading import LoadedModel, load_model
from lsrv.errors import PromptTooLongError, RequestError
from lsrv.frontdoor.making.convert.conversion import write_gguf
from lsrv.protocol.commands import Embed, LoadParams, Rerank
from lsrv.worker.beside import Beside
from lsrv.worker.inputs import Inputs, pair_tokens
from lsrv.worker.intake import Intake
from tests.models.bert import CLS, SEP, TinyBert, token_ids
from tests.models.minilm import minilm
from tests.models.reference import PAIRS, minilm_vectors, ranked, texts

LOWEST_COSINE = 0.999
_EVERY = 4  # of the texts; all of them take ten seconds

Load = Callable[..., LoadedModel]


@pytest.fixture(scope="module")
def load() -> Load:
    backend = Backend()

    def load_from(path: Path, **params: object) -> LoadedModel:
        # Some processors say that they have AMX and die in it: here nobody loads a second time without it.
        wanted = LoadParams(model_path=str(path), is_embedding=True, use_extra_bufts=False, **params)
        return load_model(backend, wanted, lambda _stage, _fraction: None)

    return load_from


def answers(loaded: LoadedModel, command: Embed | Rerank) -> list[np.ndarray]:
    beside = Beside(lambda: None)
    inputs = Inputs(loaded, Intake(loaded, beside))
    beside.close()
    request = inputs.texts(command) if isinstance(command, Embed) else inputs.pairs(command)
    assert loaded.embedding is not None
    loaded.embedding.submit(request)
    while loaded.embedding.has_work:
        loaded.embedding.step()
    return [vectors for vectors in request.vectors if vectors is not None]


def test_a_pair_is_what_its_vocabulary_adds_between_and_around(load: Load, tmp_path: Path) -> None:
    loaded = load(TinyBert().write(tmp_path / "bert.gguf"), pooling="rank", n_threads=1)
    vocab = loaded.model.vocab
    query, document = token_ids("who is big"), token_ids("the dog")
    # llama-server has both of them: this vocabulary ends a text with EOS and parts two with SEP, which are one here.
    expected = [CLS, *query, SEP, SEP, *document, SEP]
    assert pair_tokens(vocab, None, "who is big", "the dog").tolist() == expected
    assert pair_tokens(vocab, None, "[SEP]", "the dog").tolist() != [CLS, SEP, SEP, SEP, *document, SEP]
    (scores,) = answers(loaded, Rerank(request_id=1, query="who is big", documents=["the dog"]))
    assert scores[0] == pytest.approx(TinyBert().scores(expected)[0], abs=0.01)


def test_a_template_takes_each_text_as_it_is(load: Load) -> None:
    vocab = load(demo.MODELS["lsrv-demo-embed"], pooling="rank").model.vocab
    pair = pair_tokens(vocab, "{query}\n{document}<|endoftext|>", "what is {document}?", "a {query}")
    text = "what is {document}?\na {query}<|endoftext|>"
    assert pair.tolist() == vocab.tokenize(text, add_special=False, parse_special=True).tolist()


def test_a_document_that_is_too_long_with_its_query_is_named(load: Load) -> None:
    loaded = load(demo.MODELS["lsrv-demo-embed"], pooling="rank", n_ctx_seq=32)
    with pytest.raises(PromptTooLongError, match=r"32 tokens.*documents\[1\] has \d+ tokens with the query"):
        answers(loaded, Rerank(request_id=1, query="a", documents=["b", "word " * 30]))


def test_an_empty_text_is_refused_where_nothing_is_added(load: Load) -> None:
    loaded = load(demo.MODELS["lsrv-demo-embed"])
    with pytest.raises(RequestError, match=r"input\[1\] is empty"):
        answers(loaded, Embed(request_id=1, inputs=["a", ""]))


def test_scores_are_those_of_transformers(load: Load) -> None:
    loaded = load(demo.MODELS["lsrv-demo-embed"], pooling="rank")
    assert loaded.model.ranks_in_probabilities
    found = [
        float(answers(loaded, Rerank(request_id=1, query=query, documents=[document]))[0][0])
        for query, document in PAIRS
    ]
    assert found == pytest.approx(ranked(), abs=0.03)  # weights and activations of 8 bits


def test_vectors_are_those_of_sentence_transformers(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "minilm.gguf"
    write_gguf(minilm(), path, "minilm", lambda _n_bytes, _n_bytes_total: None)
    loaded = load(path)
    assert (loaded.info.pooling, loaded.info.n_ctx_seq) == ("mean", 512)
    vectors = np.stack(answers(loaded, Embed(request_id=1, inputs=list(texts()[::_EVERY]))))
    expected = minilm_vectors()[::_EVERY]
    cosines = np.sum(vectors * expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > LOWEST_COSINE

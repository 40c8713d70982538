"""Vectors and scores, by each pooling, against numpy; packing; requests that share rounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lsrv.engine.embedding import EmbeddingEngine, EmbeddingInputs, Vectors, normalized
from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.load.loading import LoadedModel, load_model
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams
from tests.engine.conftest import LoadStories
from tests.models.bert import CLS, N_CTX, SEP, TinyBert, token_ids

TEXTS = ["a little girl", "the big dog ran to the park", "sun", "Lily was sad. She had no ball."] * 5
SENTENCES = ["the dog ran to the park", "sun", "a big red cat sat on the mat", "who is big"]
POOLINGS: dict[str, Callable[[Vectors], Vectors]] = {
    "mean": lambda hidden: hidden.mean(0),
    "cls": lambda hidden: hidden[0],
    "last": lambda hidden: hidden[-1],
    "none": lambda hidden: hidden,
}

Load = Callable[..., LoadedModel]


@pytest.fixture(scope="module")
def encoder(load_stories: LoadStories) -> LoadedModel:
    return load_stories(is_embedding=True, n_slots=8, n_ctx_seq=128)


@pytest.fixture(scope="module")
def load_bert(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Load:
    folder = tmp_path_factory.mktemp("bert")

    def load(n_labels: int = 1, pooling_type: int | None = None, **params: object) -> LoadedModel:
        path = TinyBert(n_labels).write(folder / f"{n_labels}-{pooling_type}.gguf", pooling_type)
        wanted = LoadParams(model_path=str(path), is_embedding=True, n_threads=1, **params)
        return load_model(backend, wanted, lambda _stage, _fraction: None)

    return load


def compute(loaded: LoadedModel, *batches: list[Tokens], norm: int = 2) -> list[list[Vectors]]:
    engine = loaded.embedding
    assert isinstance(engine, EmbeddingEngine)
    requests = [EmbeddingInputs(i, inputs, norm) for i, inputs in enumerate(batches)]
    for request in requests:
        engine.submit(request)
    done: list[EmbeddingInputs] = []
    while engine.has_work:
        done += engine.step()
    assert {request.request_id for request in done} == set(range(len(batches)))
    return [[vectors for vectors in request.vectors if vectors is not None] for request in requests]


def embed(loaded: LoadedModel, *batches: list[str], norm: int = 2) -> list[list[Vectors]]:
    vocab = loaded.model.vocab
    tokens = [[vocab.tokenize(text, add_special=True, parse_special=True) for text in texts] for texts in batches]
    return compute(loaded, *tokens, norm=norm)


def ids_of(sentence: str) -> list[int]:
    return [CLS, *token_ids(sentence), SEP]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_each_pooling_gives_what_numpy_gives(load_bert: Load, pooling: str) -> None:
    loaded = load_bert(n_labels=0, pooling=pooling)
    (vectors,) = embed(loaded, SENTENCES, norm=-1)
    expected = [POOLINGS[pooling](TinyBert(0).hidden(ids_of(sentence))) for sentence in SENTENCES]
    assert [each.shape for each in vectors] == [each.shape for each in expected]
    for got, wanted in zip(vectors, expected, strict=True):
        assert np.abs(got - wanted).max() < 0.01
    assert loaded.info.pooling == pooling
    assert (loaded.info.can_embed, loaded.info.can_rerank) == (True, False)


@pytest.mark.parametrize("n_labels", [1, 3])
def test_pooling_by_rank_gives_a_logit_per_label(load_bert: Load, n_labels: int) -> None:
    loaded = load_bert(n_labels=n_labels, pooling="rank")
    (vectors,) = embed(loaded, SENTENCES, norm=-1)
    bert = TinyBert(n_labels)
    expected = np.stack([bert.scores(ids_of(sentence)) for sentence in SENTENCES])
    assert np.stack(vectors) == pytest.approx(expected, abs=0.01)
    assert expected.std() > 0.05, "else any score would do"
    assert (loaded.info.can_embed, loaded.info.can_rerank) == (False, True)


@pytest.mark.parametrize(("pooling_type", "pooling"), [(None, "mean"), (1, "mean"), (2, "cls"), (3, "last")])
def test_auto_is_what_the_model_says_else_mean(load_bert: Load, pooling_type: int | None, pooling: str) -> None:
    assert load_bert(n_labels=0, pooling_type=pooling_type).info.pooling == pooling


def test_a_reranker_is_no_embedding_model_unless_pooling_says_so(load_bert: Load) -> None:
    with pytest.raises(LoadFailedError, match=r'kind = "rerank"'):
        load_bert(pooling_type=4)
    assert load_bert(pooling_type=4, pooling="cls").info.can_embed


def test_positions_that_the_model_does_not_have_are_refused(load_bert: Load) -> None:
    with pytest.raises(LoadFailedError, match=r"64 positions.*context_length"):
        load_bert(n_ctx_seq=N_CTX + 1)
    (vectors,) = compute(load_bert(), [np.array(ids_of("the " * (N_CTX - 2)), np.int32)])
    assert len(vectors) == 1


def test_vectors_have_the_models_size_and_length_one(encoder: LoadedModel) -> None:
    (vectors,) = embed(encoder, TEXTS)
    assert len(vectors) == len(TEXTS)
    assert all(vector.shape == (64,) and abs(np.linalg.norm(vector) - 1) < 1e-5 for vector in vectors)


def test_packed_inputs_get_the_vectors_they_get_alone(encoder: LoadedModel) -> None:
    (packed,) = embed(encoder, TEXTS)
    alone = [embed(encoder, [text])[0][0] for text in TEXTS[:4]]
    assert all(float(a @ b) > 0.9999 for a, b in zip(packed, alone, strict=False))


def test_requests_share_rounds_and_keep_their_own_vectors(encoder: LoadedModel) -> None:
    first, second = embed(encoder, TEXTS[:3], TEXTS[1:4])
    assert np.allclose(first[1], second[0], atol=1e-4)


def test_a_short_text_does_not_wait_for_a_long_request(encoder: LoadedModel) -> None:
    engine = encoder.embedding
    assert engine is not None
    long, short = (EmbeddingInputs(i, [np.full(20, 300, np.int32)] * n, 2) for i, n in ((0, 200), (1, 1)))
    engine.submit(long)
    engine.step()
    engine.submit(short)
    assert engine.step() == [short]
    assert engine.abort(0)


@pytest.mark.parametrize("n_ubatch", [16, 512])
def test_last_tokens_are_pooled_as_if_all_were_read_at_once(load_stories: LoadStories, n_ubatch: int) -> None:
    """In parts, and with several texts in a round, each as long as one likes."""
    inputs = [np.arange(300, 300 + n, dtype=np.int32) % 500 for n in (1, 2, 7, 16, 17, 120)]
    loaded = load_stories(is_embedding=True, pooling="last", n_slots=4, n_ctx_seq=128, n_ubatch=n_ubatch)
    whole = load_stories(is_embedding=True, pooling="none", n_slots=4, n_ctx_seq=128)
    (vectors,) = compute(loaded, inputs, norm=-1)
    (expected,) = compute(whole, inputs)
    for got, rows in zip(vectors, expected, strict=True):
        assert float(got @ rows[-1]) / float(np.linalg.norm(got) * np.linalg.norm(rows[-1])) > 0.9999
    assert np.abs(vectors[-1] - vectors[-2]).max() > 0.1


def test_reading_in_parts_takes_no_memory_for_logits(load_stories: LoadStories) -> None:
    in_parts = load_stories(is_embedding=True, pooling="last", n_slots=4, n_ctx_seq=512).info.memory
    whole = load_stories(is_embedding=True, pooling="mean", n_slots=4, n_ctx_seq=512).info.memory
    n_vocab, n_embd, n_float_bytes = 512, 64, 4
    assert whole.output_bytes == 512 * (n_vocab + n_embd) * n_float_bytes
    assert in_parts.output_bytes <= whole.output_bytes / 100
    assert in_parts.compute_bytes < whole.compute_bytes


@pytest.mark.parametrize(
    ("norm", "expected"), [(-1, [3, -4]), (0, [24570, -32760]), (1, [3 / 7, -4 / 7]), (2, [0.6, -0.8]), (3, None)]
)
def test_norms_are_those_of_llama_cpp(norm: int, expected: list[float] | None) -> None:
    wanted = np.array([3, -4]) / 91 ** (1 / 3) if expected is None else expected
    assert normalized(np.array([3, -4], np.float32), norm) == pytest.approx(wanted, rel=1e-6)
    assert not normalized(np.zeros(2, np.float32), norm).any()


def test_an_aborted_request_is_forgotten(encoder: LoadedModel) -> None:
    engine = encoder.embedding
    assert engine is not None
    tokens = encoder.model.vocab.tokenize("a dog", add_special=True, parse_special=True)
    engine.submit(EmbeddingInputs(9, [tokens] * 3, 2))
    assert engine.abort(9)
    assert not engine.has_work
    assert not engine.abort(9)


def test_an_abort_within_a_round_leaves_the_others_theirs(load_stories: LoadStories) -> None:
    loaded = load_stories(is_embedding=True, pooling="last", n_slots=4, n_ctx_seq=128, n_ubatch=16)
    engine = loaded.embedding
    assert engine is not None
    texts = [[np.arange(300, 340, dtype=np.int32)], [np.arange(310, 330, dtype=np.int32)]]
    (expected,) = compute(loaded, texts[1])
    for request_id, inputs in enumerate(texts):
        engine.submit(EmbeddingInputs(request_id, inputs, 2))
    engine.step()
    assert engine.abort(0)
    done: list[EmbeddingInputs] = []
    while engine.has_work:
        done += engine.step()
    assert [request.request_id for request in done] == [1]
    assert done[0].vectors[0] == pytest.approx(expected[0], abs=1e-4)

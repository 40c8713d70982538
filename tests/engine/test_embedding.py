from __future__ import annotations

import numpy as np
import pytest

from lsrv.engine.embedding import EmbeddingEngine, EmbeddingRequest, Vector
from lsrv.engine.loading import LoadedModel
from tests.engine.conftest import LoadStories

TEXTS = ["a little girl", "the big dog ran to the park", "sun", "Lily was sad. She had no ball."] * 5


@pytest.fixture(scope="module")
def encoder(load_stories: LoadStories) -> LoadedModel:
    return load_stories(is_embedding=True, n_slots=8, n_ctx_seq=128)


def embed(encoder: LoadedModel, *batches: list[str], is_normalized: bool = True) -> list[list[Vector]]:
    engine = encoder.embedding
    assert isinstance(engine, EmbeddingEngine)
    vocab = encoder.model.vocab
    requests = [
        EmbeddingRequest(
            i, [vocab.tokenize(text, add_special=True, parse_special=True) for text in texts], is_normalized
        )
        for i, texts in enumerate(batches)
    ]
    for request in requests:
        engine.submit(request)
    done: list[EmbeddingRequest] = []
    while engine.has_work:
        done += engine.step()
    assert {request.request_id for request in done} == set(range(len(batches)))
    return [[vector for vector in request.vectors if vector is not None] for request in requests]


def test_vectors_have_the_models_size_and_length_one(encoder: LoadedModel) -> None:
    (vectors,) = embed(encoder, TEXTS)
    assert len(vectors) == len(TEXTS)
    assert all(vector.shape == (64,) and abs(np.linalg.norm(vector) - 1) < 1e-5 for vector in vectors)


def test_packed_inputs_get_the_vectors_they_get_alone(encoder: LoadedModel) -> None:
    (packed,) = embed(encoder, TEXTS)
    alone = [embed(encoder, [text])[0][0] for text in TEXTS[:4]]
    assert all(float(a @ b) > 0.9999 for a, b in zip(packed, alone, strict=False))


def test_requests_share_batches_and_keep_their_own_vectors(encoder: LoadedModel) -> None:
    first, second = embed(encoder, TEXTS[:3], TEXTS[1:4])
    assert np.allclose(first[1], second[0], atol=1e-4)


def test_unnormalized_vectors_keep_their_length(encoder: LoadedModel) -> None:
    ((vector,),) = embed(encoder, ["the dog"], is_normalized=False)
    assert abs(np.linalg.norm(vector) - 1) > 0.01


def test_an_aborted_request_is_forgotten(encoder: LoadedModel) -> None:
    engine = encoder.embedding
    assert engine is not None
    tokens = encoder.model.vocab.tokenize("a dog", add_special=True, parse_special=True)
    engine.submit(EmbeddingRequest(9, [tokens] * 3, True))
    assert engine.abort(9)
    assert not engine.has_work
    assert not engine.abort(9)

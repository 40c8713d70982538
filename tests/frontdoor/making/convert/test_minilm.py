"""A real encoder, all-MiniLM-L6-v2, against sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lsrv.frontdoor import read_header
from tests.frontdoor.making.convert.agreement import Running, converted
from tests.frontdoor.making.convert.cases import EXPECTED
from tests.models.minilm import minilm

MEAN = 1  # llama_pooling_type
LOWEST_COSINE = 0.9999


def test_vectors_are_those_of_sentence_transformers(tmp_path: Path) -> None:
    path = converted(minilm(), tmp_path / "minilm.gguf")
    header = read_header(path)
    assert (header.is_embedding, header.pooling_type, header.quantization) == (True, MEAN, "F32")
    expected = np.load(EXPECTED / "minilm.npz")["vectors"]
    ids = json.loads((EXPECTED / "minilm_ids.json").read_text())
    with Running(path, is_encoder=True, is_pooled=True, n_ctx=256) as running:
        vectors = np.stack([running.vector(each) for each in ids])
    cosines = np.sum(vectors * expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > LOWEST_COSINE

"""What sentence-transformers and transformers compute, for tests without them; `refresh` writes it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).parent

_WHO = (
    "A child",
    "The old captain",
    "Our neighbour",
    "Nobody",
    "The database",
    "Eine Katze",
    "Le train",
    "A quick fox",
)
_DOES = ("forgets", "loves", "paints", "sells", "explains", "measures", "breaks")
_WHAT = ("the red bicycle", "twelve eggs (12 €)", "quantum physics", "https://example.org/a?b=1")
_QUERIES = ("which port does lsrv use?", "what is the capital of France?", "who made you?", "what is lsrv?")
_DOCUMENTS = (
    "lsrv listens on port 1234.",
    "The capital of France is Paris.",
    "The capital of Peru is Lima.",
    "lsrv is a local model server: one models.toml, many GGUF models, and one OpenAI-compatible port.",
    "I am a small model that is part of lsrv.",
    "The sum of 2 and 2 is 4.",
    "No.",
)
PAIRS = [(query, document) for query in _QUERIES for document in _DOCUMENTS]


def texts() -> list[str]:
    """224 texts of 5 to about 250 tokens."""
    sentences = [f"{who} {does} {what}." for who in _WHO for does in _DOES for what in _WHAT]
    return [" ".join(sentences[i : i + 1 + i % 17]) for i in range(len(sentences))]


def minilm_vectors() -> npt.NDArray[np.float32]:
    """One per text, float32 (n, 384), rounded to 11 bits."""
    return np.load(HERE / "minilm.npz")["vectors"].astype(np.float32)


def ranked() -> list[float]:
    """The probability of "yes" for each of PAIRS."""
    return json.loads((HERE / "ranked.json").read_text())

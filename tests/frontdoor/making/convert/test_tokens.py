"""Hard text in several scripts becomes the same ids in llama.cpp as in the tokenizers library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.frontdoor.making.convert.agreement import Running, converted, write_source
from tests.frontdoor.making.convert.cases import CASES, EXPECTED, Case
from tests.frontdoor.making.convert.hard_text import HARD_TEXTS

HANGUL_AND_KANA, DEVANAGARI, COMBINING = 5, 7, 8

# Where llama.cpp itself differs; docs/conversion.md says why. Listed by text, so that both directions are noticed.
KNOWN: dict[str, set[int]] = {
    "qwen2": {COMBINING},  # it has no NFC
    "tekken": {DEVANAGARI, COMBINING},  # its expression does not count combining marks as letters
    "gpt-4o": {DEVANAGARI, COMBINING},
    "bert": {HANGUL_AND_KANA, DEVANAGARI},  # decomposes to the first code point, strips spacing marks, too
}
BY_TOKENIZER = {case.tokenizer: case for case in reversed(CASES)}


@pytest.mark.parametrize("case", BY_TOKENIZER.values(), ids=BY_TOKENIZER.keys())
def test_ids_of_hard_text_are_those_of_the_tokenizers_library(case: Case, tmp_path: Path) -> None:
    expected = json.loads((EXPECTED / "tokenizers" / case.tokenizer / "expected_ids.json").read_text())
    path = converted(write_source(case, tmp_path / "source"), tmp_path / "made.gguf")
    with Running(path, is_encoder=case.is_encoder) as running:
        found = [running.tokenize(text) for text in HARD_TEXTS]
    different = {index for index, ids in enumerate(found) if ids != expected[index]}
    assert different == KNOWN.get(case.tokenizer, set())

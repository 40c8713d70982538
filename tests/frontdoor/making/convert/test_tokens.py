"""Hard text in several scripts becomes the same ids in llama.cpp as in the tokenizers library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsrv.engine.llama.model import Model
from lsrv.engine.llama.word_pieces import WordForm, WordPieces
from lsrv.protocol.commands import LoadParams
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


@pytest.mark.parametrize("tokenizer", ["bert", "qwen2"])
def test_what_llama_cpp_reads_otherwise_is_put_right_before(tokenizer: str, tmp_path: Path) -> None:
    expected = json.loads((EXPECTED / "tokenizers" / tokenizer / "expected_ids.json").read_text())
    path = converted(write_source(BY_TOKENIZER[tokenizer], tmp_path / "source"), tmp_path / "made.gguf")
    model = Model(LoadParams(model_path=str(path)), lambda _fraction: None)
    try:
        tokens = [model.vocab.tokenize(text, add_special=True, parse_special=False).tolist() for text in HARD_TEXTS]
    finally:
        model.free()
    assert tokens == expected


def test_word_pieces_are_those_of_the_tokenizers_library() -> None:
    folder = EXPECTED / "tokenizers" / "bert"
    ids: dict[str, int] = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    specials = {text: token for text, token in ids.items() if text[:1] == "[" and len(text) > 2}
    texts = ["\u2581" + text for text in sorted(ids, key=ids.__getitem__)]
    texts = [text[1:].removeprefix("##") if text[1:3] == "##" or text[1:] in specials else text for text in texts]
    pieces = WordPieces(texts, ids["[UNK]"], specials, WordForm())
    cases = json.loads((folder / "word_pieces.json").read_text())  # made by tokenizers 0.22
    found = [pieces.ids(case["text"], parse_special=True) for case in cases]
    assert found == [case["ids"] for case in cases]

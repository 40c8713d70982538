"""Long texts are cut where no token is joined: the same tokens as of the whole, in time that grows with the text."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsrv.engine.llama.library import lib
from lsrv.engine.llama.text_parts import TextParts
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.load.loading import LoadedModel

WORDS = [
    "Once", " upon", "a", " ", "  ", "\n", "\n\n", "\t", "😀", "👍🏽", "鳥", "é", "\u2581", "\u3000", "<s>", "</s>",
    "<unk>", "</", "s>", ">", "\0", "\ufffd", "ℵ", "<0x0A>", "123", "\r\n", "क्",
]  # fmt: skip
MANY = 5000  # words: a text is cut where it can be


@pytest.fixture
def vocab(stories: LoadedModel) -> Vocab:
    return stories.model.vocab


def whole(vocab: Vocab, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
    """What llama.cpp makes of a text in one piece."""
    raw = text.encode()
    out = np.empty(2 * len(raw) + 16, np.int32)
    pointer = out.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
    n = lib.llama_tokenize(vocab.handle, raw, len(raw), pointer, len(out), add_special, parse_special)
    return list(out[:n].tolist())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), seed=st.integers(0, 2**16))
@pytest.mark.parametrize("parse_special", [False, True])
@pytest.mark.parametrize("add_special", [False, True])
def test_a_long_text_has_the_tokens_that_it_has_in_one_piece(
    vocab: Vocab, words: list[str], seed: int, *, add_special: bool, parse_special: bool
) -> None:
    text = "".join(np.random.default_rng(seed).choice(words, MANY).tolist())
    found = vocab.tokenize(text, add_special=add_special, parse_special=parse_special)
    assert found.tolist() == whole(vocab, text, add_special=add_special, parse_special=parse_special)


@pytest.mark.parametrize("text", ["😀", "\n", "</s>😀", ">😀", "a😀 b"])
def test_what_falls_into_bytes_is_cut_into_short_parts(text: str) -> None:
    parts = TextParts(["</s>", "ab", " b", ">"], ["</s>"], strips_before=False, strips_behind=True)
    cut = list(parts.of(text * 20_000))
    assert "".join(cut) == text * 20_000
    assert max(map(len, cut)) < 4096


def test_a_text_without_such_characters_stays_whole() -> None:
    parts = TextParts(["ab", "ba"], [], strips_before=False, strips_behind=False)
    assert list(parts.of("ab" * 9000)) == ["ab" * 9000]


def test_white_space_that_a_token_takes_away_stays_with_it() -> None:
    parts = TextParts(["ab"], ["ab"], strips_before=False, strips_behind=True)
    text = "a" * 2046 + "ab" + "\n" * 40 + "c"
    cut = list(parts.of(text))
    assert all(part[0] == "c" or not text[: len(text) - len(part)].rstrip("\n").endswith("ab") for part in cut[1:])
    assert "".join(cut) == text

"""The demo's own byte-level BPE vocabulary, of the corpus; llama.cpp's pre-tokenizer "qwen2" splits the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from corpus.mix import Corpus
from render import END_OF_TEXT, FIM, IM_END, IM_START, segments
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SIZE = 2048
# llama.cpp, src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_QWEN2: single digits, words with the space in front of them
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROL = (END_OF_TEXT, IM_START, IM_END, *FIM)
VISIBLE = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")


def train(path: Path, n_documents: int = 30_000) -> None:
    """Write the tokenizer.json; the same corpus gives the same file."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    added = [AddedToken(text, special=text in CONTROL, normalized=False) for text in (*CONTROL, *VISIBLE)]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=added, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_texts(n_documents), trainer)
    assert tokenizer.get_vocab_size() == SIZE
    tokenizer.save(str(path))


def load(path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(path))


def _texts(n_documents: int) -> Iterator[str]:
    for document in islice(Corpus(seed=1), n_documents):
        yield "".join(segment.text for segment in segments(document))

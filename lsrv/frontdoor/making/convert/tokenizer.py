"""tokenizer.json as typed values. What any of it means to llama.cpp is decided in `vocabulary` and `pre_tokenizer`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lsrv.frontdoor.making.convert.config import ConfigJson, as_objects
from lsrv.frontdoor.making.convert.json_file import decode, read_bytes
from lsrv.frontdoor.making.convert.source_files import TOKENIZER


class AddedToken(msgspec.Struct, frozen=True):
    """A token that is found in text before anything else is."""

    id: int
    content: str
    special: bool = False
    rstrip: bool = False  # swallows the white space behind it


class Bpe(msgspec.Struct, frozen=True, tag_field="type", tag="BPE"):
    """Byte pairs; with `byte_fallback`, characters with bytes for the rest (SentencePiece's kind)."""

    vocab: dict[str, int]
    merges: list[str | tuple[str, str]]
    byte_fallback: bool = False
    ignore_merges: bool | None = False
    unk_token: str | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """The merges, by rank; older files write "left right"."""
        return [_pair(each) if isinstance(each, str) else each for each in self.merges]


class WordPiece(msgspec.Struct, frozen=True, tag_field="type", tag="WordPiece"):
    """BERT's words and their ends."""

    vocab: dict[str, int]
    unk_token: str = "[UNK]"
    continuing_subword_prefix: str = "##"


class Unigram(msgspec.Struct, frozen=True, tag_field="type", tag="Unigram"):
    """Pieces with their log probabilities, by id."""

    vocab: list[tuple[str, float]]
    unk_id: int | None = None


class Tokenizer(msgspec.Struct, frozen=True):
    """The parts of a tokenizer.json that decide how text becomes ids."""

    model: Bpe | WordPiece | Unigram
    added_tokens: list[AddedToken] = []
    normalizer: dict[str, object] | None = None
    pre_tokenizer: dict[str, object] | None = None
    post_processor: dict[str, object] | None = None

    def normalizers(self) -> list[ConfigJson]:
        """The steps of the normalizer, in order."""
        return steps(self.normalizer, "normalizers")

    def pre_tokenizers(self) -> list[ConfigJson]:
        """The steps of the pre-tokenizer, in order."""
        return steps(self.pre_tokenizer, "pretokenizers")


def read_tokenizer(folder: Path) -> Tokenizer:
    """Raises ConvertError if it is missing, damaged, or neither BPE nor WordPiece nor Unigram."""
    path = folder / TOKENIZER
    return decode(read_bytes(path), Tokenizer, path)


def steps(step: ConfigJson | None, name: str) -> list[ConfigJson]:
    """One step, or those of a "Sequence", which keeps them under `name`."""
    if not step:
        return []
    if step.get("type") != "Sequence":
        return [step]
    return [each for inner in as_objects(step.get(name)) for each in steps(inner, name)]


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right

"""A byte-level BPE vocabulary with the size and the special tokens of Qwen3's, made up without its files. Pure.

English text splits into about as many tokens as with the real one; pieces are ASCII but for the single bytes, so
that hardly any random token holds back a stream for the rest of a character.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase, ascii_uppercase

N_BASE = 151_643  # tokens before the special ones
SPACE, NEWLINE = "Ġ", "Ċ"  # how byte-level BPE writes " " and "\n"

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
ADDED = (
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>",
)  # fmt: skip

END_OF_TEXT_ID, IM_END_ID = N_BASE, N_BASE + 2

CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
{%- endif %}
"""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id; merges by rank, each "left right". After N_BASE: `n_special` control, `n_added` plain ones."""

    tokens: list[str]
    merges: list[str]
    n_special: int
    n_added: int


def make_vocabulary(n_vocab: int) -> Vocabulary:
    """The vocabulary of `n_vocab` tokens; ids past the added ones are unused, as in Qwen3's padded matrix."""
    letters = _byte_letters()
    merges = _merges(N_BASE - len(letters))
    tokens = [*letters, *(left + right for left, right in merges), *SPECIAL, *ADDED]
    unused = [f"[PAD{index}]" for index in range(len(tokens), n_vocab)]
    return Vocabulary(tokens + unused, [f"{left} {right}" for left, right in merges], len(SPECIAL), len(ADDED))


def _byte_letters() -> list[str]:
    """GPT-2's bytes_to_unicode(): one printable letter for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]


def _merges(count: int) -> list[tuple[str, str]]:
    """The first `count` merges: whole families of short pieces, then four-letter words drawn with a fixed seed."""
    families = list(_short_pieces())
    pairs = [left + right for left, right in product(ascii_lowercase, repeat=2)]
    words = [(SPACE + left, right) for left, right in product(pairs, repeat=2)]
    return families + sorted(random.Random(0).sample(words, count - len(families)))


def _short_pieces() -> Iterator[tuple[str, str]]:
    """Merges in the order a trained vocabulary would have them: a piece comes after the two it is made of."""
    pairs = list(product(ascii_lowercase, ascii_lowercase))
    capitals = list(product(ascii_uppercase, ascii_lowercase))
    yield from ((SPACE, SPACE), (NEWLINE, NEWLINE), (SPACE + SPACE, SPACE + SPACE))
    yield from pairs
    yield from capitals
    yield from ((SPACE, left + right) for left, right in pairs + capitals)
    yield from ((SPACE, letter) for letter in ascii_lowercase + ascii_uppercase)
    for start in ("", SPACE):
        yield from ((start + left + right, letter) for (left, right), letter in product(pairs, ascii_lowercase))

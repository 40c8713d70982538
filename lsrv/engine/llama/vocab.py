"""A model's vocabulary: text to token ids and back to bytes. Knows no sequence and no stop string."""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterable
from collections.abc import Sequence as Items
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.library import lib
from lsrv.engine.llama.spelled_out import SpelledOut
from lsrv.engine.llama.text_parts import BLANK, TextParts
from lsrv.engine.llama.word_pieces import WordForm, WordPieces

Tokens = npt.NDArray[np.int32]

_KEEPING_TYPES = frozenset({lib.LLAMA_VOCAB_TYPE_SPM, lib.LLAMA_VOCAB_TYPE_BPE, lib.LLAMA_VOCAB_TYPE_RWKV})
_STRIPPING: int = lib.LLAMA_TOKEN_ATTR_LSTRIP | lib.LLAMA_TOKEN_ATTR_RSTRIP
_LONG_CHARACTERS = 4096  # shorter texts are not worth cutting
_CONTROL: int = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN
_FOUND_FIRST: int = _CONTROL | lib.LLAMA_TOKEN_ATTR_USER_DEFINED
_LONG_TEXT = 200_000  # characters: more than a context of word pieces holds, and llama.cpp holds nobody up with them
_N_PORTION = 16 * 1024  # tokens between which another thread may have the interpreter


class SpecialToken(NamedTuple):
    """A token that stands for its name as a whole, before a text is cut into others.

    `is_control`: only where control tokens are asked for. What white space it takes with it, beside it.
    """

    id: int
    name: str
    is_control: bool
    strips_left: bool
    strips_right: bool


class Vocab:
    """llama_vocab of a loaded model. Safe to call from several threads: llama.cpp only reads it."""

    def __init__(self, handle: int, word_form: WordForm | None = None, *, is_composed: bool = False) -> None:
        """`word_form`: of a vocabulary of word pieces (BERT's). `is_composed`: texts are brought to NFC first."""
        self._handle = handle
        self._word_form = word_form or WordForm()
        self._is_composed = is_composed
        self.n_tokens: int = lib.llama_vocab_n_tokens(handle)
        self._pieces: list[bytes | None] = [None] * self.n_tokens
        self._is_eog: dict[int, bool] = {}
        self.bos: int = lib.llama_vocab_bos(handle)
        self.eos: int = lib.llama_vocab_eos(handle)
        self.sep: int = lib.llama_vocab_sep(handle)
        self.adds_bos: bool = lib.llama_vocab_get_add_bos(handle)
        self.adds_eos: bool = lib.llama_vocab_get_add_eos(handle)
        self.adds_sep: bool = lib.llama_vocab_get_add_sep(handle)
        self.fim_pre: int = lib.llama_vocab_fim_pre(handle)
        self.fim_suf: int = lib.llama_vocab_fim_suf(handle)
        self.fim_mid: int = lib.llama_vocab_fim_mid(handle)
        self.fim_rep: int = lib.llama_vocab_fim_rep(handle)
        self.fim_sep: int = lib.llama_vocab_fim_sep(handle)

    @property
    def handle(self) -> int:
        return self._handle

    @cached_property
    def eog_ids(self) -> npt.NDArray[np.int64]:
        """All end-of-generation tokens. Built on first use: asking for 150k tokens takes 0.1 s."""
        return np.array([t for t in range(self.n_tokens) if self.is_eog(t)], np.int64)

    @cached_property
    def suppressed_ids(self) -> npt.NDArray[np.int32]:
        """Tokens that the GGUF says are never to be written. Source: llama_vocab_get_suppress_tokens."""
        n = ctypes.c_int32()
        tokens = lib.llama_vocab_get_suppress_tokens(self._handle, ctypes.byref(n))
        return np.array(tokens[: n.value] if n.value else [], np.int32)

    @cached_property
    def n_piece_bytes_max(self) -> int:
        """Bytes of text that one token stands for at most, control tokens by their name. 150k tokens take 0.3 s."""
        return max(1, *(len(self.special_piece(token)) for token in range(self.n_tokens)))

    @cached_property
    def keeps_all_text(self) -> bool:
        """Whether every byte of a text is in one of its tokens: others drop white space or join what they don't know.

        Source: llama_vocab_type, llama_vocab_get_attr.
        """
        if lib.llama_vocab_type(self._handle) not in _KEEPING_TYPES:
            return False
        return not any(lib.llama_vocab_get_attr(self._handle, t) & _STRIPPING for t in range(self.n_tokens))

    @cached_property
    def _blank(self) -> int | None:
        """The token of a blank by itself."""
        return next((t for t in range(self.n_tokens) if self._text(t) == BLANK), None)

    @cached_property
    def _text_parts(self) -> dict[bool, TextParts]:
        """How long texts are cut, by `parse_special`; nothing where they need not be. 150k tokens take 0.3 s."""
        if lib.llama_vocab_type(self._handle) != lib.LLAMA_VOCAB_TYPE_SPM or self._blank is None:
            return {}
        attributes = [lib.llama_vocab_get_attr(self._handle, token) for token in range(self.n_tokens)]
        texts = [self._text(token) for token in range(self.n_tokens)]
        strips_before = any(attribute & lib.LLAMA_TOKEN_ATTR_LSTRIP for attribute in attributes)
        strips_behind = any(attribute & lib.LLAMA_TOKEN_ATTR_RSTRIP for attribute in attributes)
        specials = {
            False: [each & _FOUND_FIRST == lib.LLAMA_TOKEN_ATTR_USER_DEFINED for each in attributes],
            True: [bool(each & _FOUND_FIRST) for each in attributes],
        }
        return {
            parse_special: TextParts(
                texts,
                [text for text, is_special in zip(texts, found_first, strict=True) if is_special and text],
                strips_before=strips_before,
                strips_behind=strips_behind,
            )
            for parse_special, found_first in specials.items()
        }

    @cached_property
    def _word_pieces(self) -> WordPieces | None:
        """BERT's own tokenizer, where the vocabulary is one of its kind; 30k tokens take 0.1 s."""
        if lib.llama_vocab_type(self._handle) != lib.LLAMA_VOCAB_TYPE_WPM or min(self.bos, self.sep) < 0:
            return None
        specials = {token.name: token.id for token in self.named_tokens}
        unknown = next((t for t in range(self.n_tokens) if self._attribute(t) & lib.LLAMA_TOKEN_ATTR_UNKNOWN), None)
        unknown = specials.get("[UNK]", unknown)
        if unknown is None:
            return None
        texts = [self._text(token) for token in range(self.n_tokens)]
        return WordPieces(texts, unknown, specials, self._word_form)

    def _text(self, token: int) -> str:
        """A token as the vocabulary writes it. Source: llama_vocab_get_text."""
        text: bytes = lib.llama_vocab_get_text(self._handle, token)
        return text.decode("utf-8", "replace")

    @cached_property
    def named_tokens(self) -> list[SpecialToken]:
        """All tokens that stand for their names, the longest ones first. Asking for 150k tokens takes 0.1 s.

        Source: llama_vocab_get_attr, llama_vocab_get_text; cache_special_tokens in llama-vocab.cpp.
        """
        found = [(t, attr) for t in range(self.n_tokens) if (attr := self._attribute(t)) & _FOUND_FIRST]
        return [token for t, attr in sorted(found, key=self._name_length) if (token := self._special(t, attr)).name]

    def _attribute(self, token: int) -> int:
        return lib.llama_vocab_get_attr(self._handle, token)

    def _name_length(self, found: tuple[int, int]) -> int:
        return -len(lib.llama_vocab_get_text(self._handle, found[0]))

    def _special(self, token: int, attr: int) -> SpecialToken:
        strips = (bool(attr & side) for side in (lib.LLAMA_TOKEN_ATTR_LSTRIP, lib.LLAMA_TOKEN_ATTR_RSTRIP))
        return SpecialToken(token, self._text(token), bool(attr & _CONTROL), *strips)

    def is_eog(self, token: int) -> bool:
        """Whether `token` ends a generation. Source: llama_vocab_is_eog."""
        known = self._is_eog.get(token)
        if known is None:
            known = self._is_eog[token] = bool(lib.llama_vocab_is_eog(self._handle, token))
        return known

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> Tokens:
        """Token ids of `text`, int32 of shape (n_tokens,).

        add_special: put BOS/EOS where the model wants them. parse_special: "<|im_end|>" becomes its control token.
        Source: llama_tokenize. Releases the GIL.
        """
        if self._is_composed and not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
        if len(text) <= _LONG_TEXT and (pieces := self._word_pieces) is not None:
            ids = pieces.ids(text, parse_special=parse_special)
            return np.array([self.bos, *ids, self.sep] if add_special else ids, np.int32)
        if len(text) <= _LONG_CHARACTERS or (cutter := self._text_parts.get(parse_special)) is None:
            return self._tokenize_whole(text, add_special, parse_special)
        begin, end = ([self.bos] * self.adds_bos, [self.eos] * self.adds_eos) if add_special else ([], [])
        found = [np.array(begin, np.int32)]
        drops_blank = False
        for part in cutter.of(text):
            tokens = self._tokenize_whole(part, False, parse_special)
            is_own = drops_blank and len(tokens) > 0 and tokens[0] == self._blank
            found.append(tokens[int(is_own) :])
            drops_blank = not cutter.ends_special(part)
        return np.concatenate([*found, np.array(end, np.int32)])

    def _tokenize_whole(self, text: str, add_special: bool, parse_special: bool) -> Tokens:
        raw = text.encode("utf-8", "surrogatepass")
        tokens = np.empty(
            len(raw) + 16, dtype=np.int32
        )  # rarely more than its bytes; memory that is not written is free
        n = self._tokenize_into(raw, tokens, add_special, parse_special)
        if n < 0:
            tokens = np.empty(-n, dtype=np.int32)
            n = self._tokenize_into(raw, tokens, add_special, parse_special)
        return tokens[:n]

    def _tokenize_into(self, raw: bytes, out: Tokens, add_special: bool, parse_special: bool) -> int:
        pointer = out.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        return lib.llama_tokenize(self._handle, raw, len(raw), pointer, len(out), add_special, parse_special)

    @cached_property
    def spelled_out(self) -> SpelledOut | None:
        """What tokenizes texts in which no token stands for its name; None where llama.cpp does so by itself."""
        names = [piece for token in range(self.n_tokens) if (piece := self._user_defined(token))]
        return SpelledOut(self.handle, names, [self.piece(token) for token in range(self.n_tokens)]) if names else None

    def _user_defined(self, token: int) -> bytes:
        """The name of a token that llama.cpp finds in any text, and llguidance takes for no text."""
        if not self._attribute(token) & lib.LLAMA_TOKEN_ATTR_USER_DEFINED:
            return b""
        piece = self.special_piece(token)
        return b"" if self.is_text(token, piece) else piece

    def single_token(self, text: str) -> int | None:
        """The token that `text` is by itself, control tokens by their name; None if it is several."""
        tokens = self.tokenize(text, add_special=False, parse_special=True)
        return int(tokens[0]) if len(tokens) == 1 else None

    def piece(self, token: int) -> bytes:
        """The bytes of one token; empty for control tokens. Cached: building all 150k at load would take 0.3 s."""
        piece = self._pieces[token]
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token, special=False)
        return piece

    def special_piece(self, token: int) -> bytes:
        """The bytes of one token, control tokens by their name ("<|im_end|>")."""
        return self._read_piece(token, special=True)

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n: int = lib.llama_token_to_piece(self._handle, token, buffer, size, 0, special)
            if n >= 0:
                return buffer.raw[:n]
            size = -n

    def control_tokens(self, texts: Iterable[str]) -> frozenset[int]:
        """The tokens in `texts` that have a name but no text, and so would not be seen where an answer holds them."""
        tokens = {t for text in texts for t in self.tokenize(text, add_special=False, parse_special=True).tolist()}
        return frozenset(token for token in tokens if not self.piece(token) and self.special_piece(token))

    def special_tokens(self, text: str) -> list[tuple[int, str]]:
        """The tokens in `text`, in their order and with their names, that stand for themselves and for no text."""
        tokens: list[int] = self.tokenize(text, add_special=False, parse_special=True).tolist()
        named = ((token, self.special_piece(token)) for token in tokens)
        return [(token, name.decode("utf-8", "replace")) for token, name in named if not self.is_text(token, name)]

    def is_text(self, token: int, piece: bytes) -> bool:
        """Whether a grammar's texts may hold it: not control tokens, nor what a user defined to look like them."""
        attributes = self._attribute(token)
        looks_special = piece.startswith(b"<") and piece.endswith(b">")
        is_user_defined = bool(attributes & lib.LLAMA_TOKEN_ATTR_USER_DEFINED)
        return not (attributes & lib.LLAMA_TOKEN_ATTR_CONTROL or (looks_special and is_user_defined))

    def special_pieces(self, tokens: Items[int] | Tokens) -> list[bytes]:
        """The bytes of each token, control tokens by their name. Asks llama.cpp once for those that are alike."""
        pieces: list[bytes] = []
        for start in range(0, len(tokens), _N_PORTION):
            ids, places = np.unique(np.asarray(tokens[start : start + _N_PORTION], np.int32), return_inverse=True)
            known = [self.special_piece(token) for token in ids.tolist()]
            pieces += [known[place] for place in places.tolist()]
        return pieces

    def detokenize(self, tokens: Items[int] | Tokens, *, has_special: bool = True) -> str:
        """The text of `tokens`, control tokens by name or left out; bytes that are no UTF-8 become U+FFFD."""
        pieces = self.special_pieces(tokens) if has_special else [self.piece(int(token)) for token in tokens]
        return b"".join(pieces).decode("utf-8", "replace")

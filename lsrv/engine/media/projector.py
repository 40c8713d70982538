"""What turns pictures and sound into embeddings of a model: an mtmd_context. Knows no request."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from lsrv.engine.llama.library import lib
from lsrv.engine.llama.model import Model
from lsrv.engine.llama.mtmd import mtmd
from lsrv.engine.media.picture import Picture
from lsrv.engine.media.span import Floats, MediaSpan, Positions, ids_of
from lsrv.errors import LoadFailedError, RequestError
from lsrv.file_digest import sampled_digest, stamp_of
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.media_format import is_sound

_MARKER = b"<__media__>"  # of our own texts for mtmd only: clients' texts never reach it
_IMAGE, _AUDIO = mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE, mtmd.MTMD_INPUT_CHUNK_TYPE_AUDIO


class Projector:
    """Belongs to one thread at a time; encoding and decoding of tokens may go on in two."""

    def __init__(self, params: LoadParams, model: Model) -> None:
        """Load the file that `params` names. Raises LoadFailedError. Source: mtmd_init_from_file."""
        raw = mtmd.mtmd_context_params_default()
        raw.use_gpu = params.n_gpu_layers != 0
        raw.print_timings = False
        raw.n_threads = params.n_threads_batch
        raw.media_marker = _MARKER
        raw.warmup = True  # its buffers are had, and told, before any request needs them
        self._n_embd: int = lib.llama_model_n_embd_inp(model.handle)
        self.handle: Any = mtmd.mtmd_init_from_file(params.projector_path.encode(), model.handle, raw)
        if not self.handle:
            raise LoadFailedError(
                f"llama.cpp can't use {params.projector_path} as the projector of {params.model_path}: it is of "
                'another model, or broken; set format.mmproj to the right one, or kind = "text" to do without'
            )
        self.sees: bool = mtmd.mtmd_support_vision(self.handle)
        self.hears: bool = mtmd.mtmd_support_audio(self.handle)
        self._has_two_dimensions: bool = mtmd.mtmd_decode_use_mrope(self.handle)
        self._own_digest = sampled_digest(stamp_of(Path(params.projector_path))).encode()

    def free(self) -> None:
        """Give everything back. Source: mtmd_free."""
        mtmd.mtmd_free(self.handle)
        self.handle = None

    def digest(self, data: bytes) -> bytes:
        """What tells the embeddings of `data` from all others, also in other processes."""
        return hashlib.sha256(self._own_digest + data).digest()

    def spans(self, data: bytes, place: str) -> list[MediaSpan | list[int]]:
        """What stands in a prompt for a picture or a sound: embeddings, and the tokens that belong around them.

        Slow: it computes. Raises RequestError that names `place`.
        """
        with ExitStack() as freed:
            bitmap = self._picture(data, place) if self.sees and not is_sound(data) else self._sound(data, place)
            freed.callback(mtmd.mtmd_bitmap_free, bitmap)
            chunks = self._tokenized(bitmap, place, freed)
            digest = self.digest(data)
            return [self._span(chunk, digest, index, place) for index, chunk in enumerate(chunks)]

    def _picture(self, data: bytes, place: str) -> Any:
        picture = Picture.of(data, place)
        pixels = (ctypes.c_uint8 * len(picture.rgb)).from_buffer_copy(picture.rgb)
        return mtmd.mtmd_bitmap_init(picture.width, picture.height, pixels)

    def _sound(self, data: bytes, place: str) -> Any:
        if not self.hears:
            raise RequestError(f"{place}: this model hears nothing; send pictures and text", param=place)
        if not is_sound(data):
            raise RequestError(f"{place}: this model sees nothing; send sound (WAV, MP3, FLAC) and text", param=place)
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmap = mtmd.mtmd_helper_bitmap_init_from_buf(self.handle, buffer, len(data), False)
        if not bitmap:
            raise RequestError(f"{place}: the sound is broken; send WAV, MP3 or FLAC", param=place)
        return bitmap

    def _tokenized(self, bitmap: Any, place: str, freed: ExitStack) -> Iterator[Any]:
        chunks = mtmd.mtmd_input_chunks_init()
        freed.callback(mtmd.mtmd_input_chunks_free, chunks)
        text = mtmd.mtmd_input_text(text=_MARKER, text_len=len(_MARKER), add_special=False, parse_special=True)
        bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
        code: int = mtmd.mtmd_tokenize(self.handle, chunks, ctypes.byref(text), bitmaps, 1)
        if code != 0:
            raise RequestError(f"{place}: the model's projector can't take it (code {code})", param=place)
        return (mtmd.mtmd_input_chunks_get(chunks, i) for i in range(mtmd.mtmd_input_chunks_size(chunks)))

    def _span(self, chunk: Any, digest: bytes, index: int, place: str) -> MediaSpan | list[int]:
        kind: int = mtmd.mtmd_input_chunk_get_type(chunk)
        n_tokens: int = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
        if kind not in (_IMAGE, _AUDIO):
            n = ctypes.c_size_t()
            tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(n))
            return [tokens[i] for i in range(n.value)]
        return MediaSpan(
            start=0,
            ids=ids_of(digest + index.to_bytes(2, "big"), n_tokens),
            embeddings=self._encoded(chunk, n_tokens, place),
            n_pos=mtmd.mtmd_input_chunk_get_n_pos(chunk),
            positions=self._positions(chunk, n_tokens) if self._has_two_dimensions else None,
            is_causal=not mtmd.mtmd_decode_use_non_causal(self.handle, chunk),
        )

    def _encoded(self, chunk: Any, n_tokens: int, place: str) -> Floats:
        code: int = mtmd.mtmd_encode_chunk(self.handle, chunk)
        if code != 0:
            raise RequestError(f"{place}: the model's projector failed on it (code {code})", param=place)
        embeddings = mtmd.mtmd_get_output_embd(self.handle)
        return np.ctypeslib.as_array(embeddings, shape=(n_tokens, self._n_embd)).copy()

    def _positions(self, chunk: Any, n_tokens: int) -> Positions:
        """From the span's own first position on, in llama.cpp's sections: time, row, column, and one more."""
        if mtmd.mtmd_input_chunk_get_type(chunk) == _AUDIO:
            return np.tile(np.arange(n_tokens, dtype=np.int32), (4, 1))
        found = (mtmd.mtmd_decoder_pos * n_tokens)()
        mtmd.mtmd_helper_image_get_decoder_pos(mtmd.mtmd_input_chunk_get_tokens_image(chunk), 0, found)
        rows = [(each.t, each.y, each.x, each.z) for each in found]
        return np.ascontiguousarray(np.array(rows, np.int32).T)

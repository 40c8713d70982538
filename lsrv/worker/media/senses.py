"""Prompts with pictures and sound: the text around them as tokens, and what they became in between."""

from __future__ import annotations

import functools
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.media.remembered import MediaPart, Remembered
from lsrv.engine.media.span import MediaSpan, MediaSpans
from lsrv.errors import RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import MediaFile
from lsrv.worker.beside import Beside
from lsrv.worker.length import too_long
from lsrv.worker.pending import result_of

# What makes tokens of one stretch of text: the text, whether it begins the prompt, where it spells out control tokens.
TokensOf = Callable[[str, bool, Set[int]], Tokens]


class Senses:
    """Belongs to the engine's thread; the projector works in one of its own, in which it is waited for."""

    def __init__(self, loaded: LoadedModel, beside: Beside) -> None:
        self._n_ctx = loaded.info.n_ctx_seq
        self._n_whole_max = min(loaded.params.n_batch, loaded.params.n_ubatch)
        self._projector = loaded.projector
        self._remembered = Remembered(loaded.projector) if loaded.projector is not None else None
        self._beside = beside
        self._executor: ThreadPoolExecutor | None = None  # with the first picture

    async def prompt(
        self, text: str, spelled: Set[int], marker: str, media: list[MediaFile], tokens_of: TokensOf
    ) -> tuple[Tokens, MediaSpans]:
        """Token ids int32 (n,) of `text` with `media` where `marker` stands, and the media among them.

        Raises RequestError, PromptTooLongError.
        """
        remembered = self._remembered
        if remembered is None:
            raise UnsupportedCapabilityError(
                "this model takes text alone: it sees and hears nothing; ask a model whose capabilities in /v1/models "
                'have "vision" or "audio"',
                param=media[0].place,
            )
        stretches = _stretches(text, marker, spelled)
        if len(stretches) != len(media) + 1:
            raise RequestError(
                f"the chat template shows {len(stretches) - 1} of {len(media)} pictures and sounds; send them in "
                "messages of the user, or use another chat_template",
                param=media[0].place,
            )
        parts = [await self._parts(remembered, each) for each in media]
        return self._joined(stretches, parts, media, tokens_of)

    async def _parts(self, remembered: Remembered, file: MediaFile) -> list[MediaPart]:
        self._executor = self._executor or ThreadPoolExecutor(1, "senses")
        future = self._executor.submit(functools.partial(remembered.parts, file.data, file.place))
        future.add_done_callback(lambda _: self._beside.wake())
        return await result_of(future)

    def _joined(
        self,
        stretches: list[tuple[str, Set[int]]],
        media: list[list[MediaPart]],
        files: list[MediaFile],
        tokens_of: TokensOf,
    ) -> tuple[Tokens, MediaSpans]:
        tokens: list[Tokens] = []
        spans: list[MediaSpan] = []
        n_tokens = 0
        for index, (text, spelled) in enumerate(stretches):
            pieces: list[MediaPart | Tokens] = [tokens_of(text, index == 0, spelled)] if text or index == 0 else []
            pieces += media[index] if index < len(media) else []
            for piece in pieces:
                if isinstance(piece, MediaSpan):
                    self._check_whole(piece, files[index].place)
                    spans.append(piece.at(n_tokens))
                    tokens.append(piece.ids)
                else:
                    tokens.append(np.asarray(piece, np.int32))
                n_tokens += len(tokens[-1])
        if n_tokens >= self._n_ctx:
            raise too_long(n_tokens, self._n_ctx, "messages")
        return np.concatenate(tokens), MediaSpans(tuple(spans))

    def _check_whole(self, span: MediaSpan, place: str) -> None:
        if not span.is_causal and span.n_tokens > self._n_whole_max:
            raise RequestError(
                f"{place} takes {span.n_tokens} tokens, which this model reads in one piece, and its batch has room "
                f"for {self._n_whole_max}; raise ubatch_size (and batch_size) in the entry's context",
                param=place,
            )

    def close(self) -> None:
        """Wait for what the projector computes: nothing may use it once it is freed."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)


def _stretches(text: str, marker: str, spelled: Set[int]) -> list[tuple[str, Set[int]]]:
    """The text between markers, each with its own places of `spelled`."""
    found: list[tuple[str, Set[int]]] = []
    start = 0
    for stretch in text.split(marker):
        end = start + len(stretch)
        found.append((stretch, {at - start for at in spelled if start <= at < end}))
        start = end + len(marker)
    return found

"""`POST /api/embed` and the older `/api/embeddings`: body to command, vectors to body. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv.api.dialects.fields.inputs import MAX_INPUTS
from lsrv.api.dialects.fields.turn import KeepAliveField, keep_alive_of
from lsrv.api.dialects.fields.vectors import floats_of, shortened
from lsrv.api.dialects.ollama.options import OptionsField, notes_on, options_of
from lsrv.api.dialects.ollama.wording import nanoseconds
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError
from lsrv.protocol.commands import Embed
from lsrv.protocol.events import Embedded

_AS_IT_IS = -1  # /api/embeddings does not normalize


class EmbedBody(msgspec.Struct, kw_only=True):
    """`truncate` is true unless it says otherwise."""

    input: str | list[str] = []
    model: str | None = None
    truncate: bool | None = None
    dimensions: Annotated[int, Meta(ge=0)] | None = None
    options: OptionsField = None
    keep_alive: KeepAliveField = None


class OldEmbeddingBody(msgspec.Struct, kw_only=True):
    prompt: str = ""
    model: str | None = None
    options: OptionsField = None
    keep_alive: KeepAliveField = None


@dataclass(frozen=True, slots=True)
class VectorsWanted:
    """`command` None: nothing but that the model is loaded."""

    command: Embed | None
    keep_alive_s: float | None
    n_dimensions: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VectorsTaken:
    """Seconds that an answer took: until there was a place at the model, and altogether."""

    load_s: float
    total_s: float


_decoder = msgspec.json.Decoder(EmbedBody)
_old_decoder = msgspec.json.Decoder(OldEmbeddingBody)
_encode = msgspec.json.Encoder().encode


def parse_embed(raw: bytes) -> VectorsWanted:
    """Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    options_of(body.options)
    inputs = [body.input] if isinstance(body.input, str) else body.input
    if len(inputs) > MAX_INPUTS:
        raise RequestError(f"input holds {len(inputs)} texts; at most {MAX_INPUTS} are allowed.", param="input")
    if inputs in ([], [""]):
        return VectorsWanted(None, keep_alive_of(body.keep_alive))
    command = Embed(request_id=0, inputs=list(inputs), is_truncating=body.truncate is not False)
    return VectorsWanted(command, keep_alive_of(body.keep_alive), body.dimensions or None, notes_on(body.options))


def parse_old_embedding(raw: bytes) -> VectorsWanted:
    """Raises RequestError with `param`."""
    body = decode_body(_old_decoder, raw)
    options_of(body.options)
    keep_alive_s = keep_alive_of(body.keep_alive)
    if not body.prompt:
        return VectorsWanted(None, keep_alive_s)
    command = Embed(request_id=0, inputs=[body.prompt], norm=_AS_IT_IS, is_truncating=True)
    return VectorsWanted(command, keep_alive_s, notes=notes_on(body.options))


def embed_body(wanted: VectorsWanted, model_id: str, embedded: Embedded | None, taken: VectorsTaken) -> bytes:
    """Raises RequestError if `dimensions` is above what the model has."""
    vectors = [floats_of(raw) for raw in embedded.vectors] if embedded is not None else []
    if (n := wanted.n_dimensions) is not None:
        vectors = [shortened(vector, n) for vector in vectors]
    return _encode(
        {
            "model": model_id,
            "embeddings": [vector.tolist() for vector in vectors],
            "total_duration": nanoseconds(taken.total_s),
            "load_duration": nanoseconds(taken.load_s),
            "prompt_eval_count": embedded.n_prompt_tokens if embedded is not None else 0,
        }
    )


def old_embedding_body(wanted: VectorsWanted, model_id: str, embedded: Embedded | None, taken: VectorsTaken) -> bytes:
    """One vector, or an empty one of an empty text."""
    return _encode({"embedding": floats_of(embedded.vectors[0]).tolist() if embedded is not None else []})

"""`POST /v1/embeddings`: body to request, vectors to body.

https://platform.openai.com/docs/api-reference/embeddings/create. Vectors are little-endian float32 throughout.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lsrv.api.dialects.fields.inputs import MAX_INPUTS, TokenId, inputs_of
from lsrv.api.dialects.fields.turn import KeepAliveField, Priority, keep_alive_of
from lsrv.api.dialects.fields.vectors import bytes_of, floats_of, shortened
from lsrv.api.dialects.unserved import ADAPTERS, Unserved
from lsrv.api.http.body import decode_body
from lsrv.protocol.commands import Embed
from lsrv.protocol.events import Embedded


class EmbeddingBody(msgspec.Struct, kw_only=True):
    input: str | list[str | TokenId | list[TokenId]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    keep_alive: KeepAliveField = None
    priority: Priority | None = None
    response_cache: bool | None = None
    truncate: bool | Literal["NONE", "END"] | None = None  # TEI's word, or Cohere's


class EmbeddingWanted(msgspec.Struct, frozen=True, kw_only=True):
    model: str | None
    priority: int | None
    command: Embed
    is_base64: bool
    n_dimensions: int | None
    keep_alive_s: float | None
    uses_response_cache: bool


_decoder = msgspec.json.Decoder(EmbeddingBody)
_unserved = Unserved(ADAPTERS | {"truncate_prompt_tokens": "texts are cut at the context alone; send truncate: true"})
_encode = msgspec.json.Encoder().encode


def parse_embedding(raw: bytes) -> EmbeddingWanted:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    _unserved.refuse(raw)
    return EmbeddingWanted(
        model=body.model,
        priority=body.priority,
        command=Embed(
            request_id=0,
            inputs=inputs_of(body.input, "input", MAX_INPUTS),
            is_truncating=body.truncate in (True, "END"),
        ),
        is_base64=body.encoding_format == "base64",
        n_dimensions=body.dimensions,
        keep_alive_s=keep_alive_of(body.keep_alive),
        uses_response_cache=body.response_cache is not False,
    )


def embedding_body(request: EmbeddingWanted, model_id: str, embedded: Embedded) -> bytes:
    """OpenAI's list of embeddings. Raises RequestError if `dimensions` is above what the model has."""
    data = [
        {"object": "embedding", "index": i, "embedding": _vector(raw, request)}
        for i, raw in enumerate(embedded.vectors)
    ]
    n_tokens = embedded.n_prompt_tokens
    usage = {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
    return _encode({"object": "list", "data": data, "model": model_id, "usage": usage})


def _vector(raw: bytes, request: EmbeddingWanted) -> str | list[float]:
    vector = floats_of(raw)
    if request.n_dimensions is not None and request.n_dimensions != len(vector):
        vector = shortened(vector, request.n_dimensions)
        raw = bytes_of(vector)
    return base64.b64encode(raw).decode() if request.is_base64 else vector.tolist()

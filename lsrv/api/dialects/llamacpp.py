"""llama.cpp's dialect: tokenize, detokenize, apply-template, embedding, props. Pure.

Bodies to commands, events to bodies, with an optional `model` in each.
https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

from __future__ import annotations

from array import array
from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv import __version__
from lsrv.api.dialects.fields.inputs import MAX_INPUTS, TokenId, inputs_of
from lsrv.api.dialects.fields.media import shown_marker
from lsrv.api.dialects.fields.turn import Priority
from lsrv.api.dialects.fields.vectors import floats_of
from lsrv.api.dialects.llamaserver.settings import settings_object
from lsrv.api.dialects.unserved import ADAPTERS, Unserved
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError
from lsrv.protocol.commands import Detokenize, Embed, Generate, Tokenize
from lsrv.protocol.events import Described, Detokenized, Embedded, Tokenized


class TokenizeBody(msgspec.Struct, kw_only=True):
    content: str
    model: str | None = None
    add_special: bool = False
    add_special_tokens: bool = False  # mistral.rs's name for it
    parse_special: bool = True
    with_pieces: bool = False


class DetokenizeBody(msgspec.Struct, kw_only=True):
    tokens: list[TokenId]
    model: str | None = None
    skip_special_tokens: bool = False


class TokenEmbeddingBody(msgspec.Struct, kw_only=True):
    content: str | list[str | TokenId | list[TokenId]] | None = None
    input: str | list[str | TokenId | list[TokenId]] | None = None
    model: str | None = None
    embd_normalize: Annotated[int, Meta(ge=-1, le=64)] = 2
    priority: Priority | None = None


_tokenize_decoder = msgspec.json.Decoder(TokenizeBody)
_detokenize_decoder = msgspec.json.Decoder(DetokenizeBody)
_embedding_decoder = msgspec.json.Decoder(TokenEmbeddingBody)
_unserved = Unserved(ADAPTERS)
_encode = msgspec.json.Encoder().encode


def parse_tokenize(raw: bytes) -> tuple[TokenizeBody, Tokenize]:
    body = decode_body(_tokenize_decoder, raw)
    command = Tokenize(
        request_id=0,
        text=body.content,
        add_special=body.add_special or body.add_special_tokens,
        parse_special=body.parse_special,
        wants_pieces=body.with_pieces,
    )
    return body, command


def tokenize_body(body: TokenizeBody, tokenized: Tokenized) -> bytes:
    """`{"tokens": [id, …]}`, or `[{"id", "piece"}, …]` with pieces: text, or bytes where it is no UTF-8."""
    if not body.with_pieces:
        return _encode({"tokens": tokenized.tokens})
    pairs = zip(tokenized.tokens, tokenized.pieces, strict=True)
    return _encode({"tokens": [{"id": token, "piece": _piece(piece)} for token, piece in pairs]})


def parse_detokenize(raw: bytes) -> tuple[DetokenizeBody, Detokenize]:
    body = decode_body(_detokenize_decoder, raw)
    return body, Detokenize(request_id=0, tokens=body.tokens, is_without_special=body.skip_special_tokens)


def detokenize_body(detokenized: Detokenized) -> bytes:
    return _encode({"content": detokenized.text})


def apply_template_body(tokenized: Tokenized) -> bytes:
    return _encode({"prompt": shown_marker(tokenized.prompt)})


def parse_embedding(raw: bytes) -> tuple[TokenEmbeddingBody, Embed]:
    """Unlike `/v1/embeddings` for models without pooling, too, and with any norm. Raises RequestError."""
    body = decode_body(_embedding_decoder, raw)
    _unserved.refuse(raw)
    param, given = ("content", body.content) if body.input is None else ("input", body.input)
    if given is None:
        raise RequestError("The text to embed is missing; send it as content or input.", param="content")
    inputs = inputs_of(given, param, MAX_INPUTS)
    return body, Embed(request_id=0, inputs=inputs, norm=body.embd_normalize, needs_pooling=False)


def embedding_body(embedded: Embedded) -> bytes:
    """`[{"index", "embedding": [vector, …]}]`: one vector per input, or without pooling one per token."""
    return _encode(
        [
            {"index": index, "embedding": _rows(floats_of(raw), embedded.n_dims)}
            for index, raw in enumerate(embedded.vectors)
        ]
    )


def _rows(values: array[float], n_dims: int) -> list[list[float]]:
    return [values[start : start + n_dims].tolist() for start in range(0, len(values), n_dims)]


def _piece(piece: bytes) -> str | list[int]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


def props_body(listed_id: str, described: Described) -> bytes:
    """What llama-server says of a model that it serves, and behind that what was found in the model's template."""
    return _encode(
        {
            "default_generation_settings": {
                "params": settings_object(Generate(request_id=0, is_streaming=False), described.sampling, None),
                "n_ctx": described.n_ctx_seq,
            },
            "total_slots": described.n_slots,
            "model_alias": listed_id,
            "modalities": {"vision": False, "video": False, "audio": False},
            "endpoint_slots": True,
            "endpoint_props": False,
            "endpoint_metrics": True,
            "is_sleeping": False,
            "chat_template": described.chat_template or "",
            "chat_template_source": described.chat_template_source,
            "bos_token": described.bos,
            "eos_token": described.eos,
            "build_info": f"lsrv {__version__}",
            "chat_format": described.chat_format,
            "chat_format_example": described.example,
            "chat_notes": described.notes,
        }
    )


def server_props_body() -> bytes:
    """What llama-server's router says of itself."""
    settings = {"params": {}, "n_ctx": 0}
    return _encode(
        {
            "role": "router",
            "models_autoload": True,
            "model_alias": "lsrv",
            "default_generation_settings": settings,
            "build_info": f"lsrv {__version__}",
        }
    )

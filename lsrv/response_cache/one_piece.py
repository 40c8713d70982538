"""Answers in one piece: vectors, scores, and what an upstream says. Their keys, and how they are kept. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from lsrv.protocol.commands import Embed
from lsrv.protocol.events import Embedded, Reranked
from lsrv.response_cache.key import Subject

_VERSION = 1  # of how they are kept
_FREE = frozenset({"user", "safety_identifier", "prompt_cache_key", "metadata", "store"})  # change no answer


class KeptVector(msgspec.Struct, frozen=True, array_like=True):
    """What one text became; without pooling one vector for each token, one behind the other."""

    vector: bytes
    n_tokens: int
    n_dims: int


_vector_decoder = msgspec.msgpack.Decoder(list[KeptVector])
_ranking_decoder = msgspec.msgpack.Decoder(Reranked)
_encode = msgspec.msgpack.Encoder().encode


def vector_keys(subject: Subject, command: Embed) -> list[str]:
    """A key for each text: in whose company it is embedded changes no more than rounding."""
    how = [command.norm, command.needs_pooling, command.is_truncating]
    return [_key(subject, "vector", how, text) for text in command.inputs]


def vectors_key(subject: Subject, command: Embed) -> str:
    """One key for all texts, where only the tokens of all of them are told."""
    return _key(subject, "vectors", [command.norm, command.needs_pooling, command.is_truncating], command.inputs)


def ranking_key(subject: Subject, query: str, documents: Sequence[str]) -> str:
    """A key for the scores of `documents`, in their order."""
    return _key(subject, "ranking", query, documents)


def body_key(subject: Subject, path: str, body: dict[str, object], is_streaming: bool) -> str:
    """A key for what an upstream says to `body` at `path`. The order of keys counts for nothing there."""
    said = {name: value for name, value in body.items() if name not in _FREE}
    return _key(subject, "body", path, is_streaming, msgspec.json.encode(said, order="deterministic"))


def is_repeatable_body(path: str, body: dict[str, object]) -> bool:
    """Whether an upstream may be taken to say the same again: nothing is drawn, or with a fixed seed."""
    if path not in ("chat/completions", "completions"):
        return True
    return body.get("temperature") == 0 or body.get("seed") is not None


def encode_vectors(embedded: Embedded) -> list[bytes]:
    """Each text's vector as it is kept; one piece for all where only the sum of their tokens is known."""
    if len(embedded.n_tokens) == len(embedded.vectors):
        pairs = zip(embedded.vectors, embedded.n_tokens, strict=True)
        return [_encode([KeptVector(vector, n_tokens, embedded.n_dims)]) for vector, n_tokens in pairs]
    kept = [KeptVector(vector, 0, embedded.n_dims) for vector in embedded.vectors]
    if kept:
        kept[0] = msgspec.structs.replace(kept[0], n_tokens=embedded.n_prompt_tokens)
    return [_encode(kept)]


def decode_vectors(pieces: Iterable[bytes]) -> Embedded:
    """The vectors in `pieces`, in their order. Raises msgspec.MsgspecError."""
    kept = [each for raw in pieces for each in _vector_decoder.decode(raw)]
    n_tokens = [each.n_tokens for each in kept]
    return Embedded(0, [each.vector for each in kept], sum(n_tokens), kept[0].n_dims if kept else 0, n_tokens)


def encode_ranking(reranked: Reranked) -> bytes:
    """The scores as they are kept."""
    return _encode(reranked)


def decode_ranking(raw: bytes) -> Reranked:
    """The scores in `raw`. Raises msgspec.MsgspecError."""
    return _ranking_decoder.decode(raw)


def is_whole_body(answer: dict[str, object]) -> bool:
    """Whether an upstream's answer has an end: each choice says why it ended, and nothing says that it failed."""
    choices = answer.get("choices", [])
    if not isinstance(choices, list) or "error" in answer:
        return False
    return all(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)


def are_whole_chunks(chunks: Sequence[dict[str, object]]) -> bool:
    """The same of a stream: as many choices ended as began."""
    began, ended = set[object](), set[object]()
    for chunk in chunks:
        if "error" in chunk:
            return False
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                began.add(choice.get("index"))
                ended |= {choice.get("index")} if choice.get("finish_reason") else set()
    return bool(began) and began == ended


def _key(subject: Subject, *what: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode([_VERSION, msgspec.to_builtins(subject), *what])).hexdigest()

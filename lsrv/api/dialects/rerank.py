"""`POST /v1/rerank`: body to request, scores to body. Two shapes: Jina's and Cohere's (`documents`), TEI's (`texts`).

https://jina.ai/reranker, https://docs.cohere.com/reference/rerank,
https://huggingface.github.io/text-embeddings-inference (`/rerank`); both are what llama-server answers, too.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv.api.dialects.fields.turn import KeepAliveField, Priority, keep_alive_of
from lsrv.api.dialects.unserved import ADAPTERS, Unserved
from lsrv.api.http.body import decode_body
from lsrv.errors import LsrvError, RequestError
from lsrv.protocol.events import Reranked

MAX_DOCUMENTS = 2048


class Document(msgspec.Struct):
    text: str


class RerankBody(msgspec.Struct, kw_only=True):
    query: str
    documents: list[str | Document] | None = None
    texts: list[str] | None = None  # instead of `documents`: the answer is a bare list, as TEI gives it
    model: str | None = None
    top_n: Annotated[int, Meta(ge=1)] | None = None
    top_k: Annotated[int, Meta(ge=1)] | None = None  # another name for it
    return_documents: bool = False
    return_text: bool = False
    raw_scores: bool = False
    keep_alive: KeepAliveField = None
    priority: Priority | None = None
    response_cache: bool | None = None


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str | None
    priority: int | None
    query: str
    documents: list[str]
    n_wanted: int
    is_bare: bool  # TEI's shape
    has_texts: bool
    has_raw_scores: bool
    keep_alive_s: float | None
    uses_response_cache: bool


_decoder = msgspec.json.Decoder(RerankBody)
_unserved = Unserved(ADAPTERS | {"rank_fields": "documents are texts; join the fields that count"})
_encode = msgspec.json.Encoder().encode


def parse_rerank(raw: bytes) -> RerankRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    _unserved.refuse(raw)
    is_bare = body.texts is not None
    documents = _documents(body)
    return RerankRequest(
        model=body.model,
        priority=body.priority,
        query=body.query,
        documents=documents,
        n_wanted=_n_wanted(body, len(documents)),
        is_bare=is_bare,
        has_texts=body.return_text if is_bare else body.return_documents,
        has_raw_scores=body.raw_scores,
        keep_alive_s=keep_alive_of(body.keep_alive),
        uses_response_cache=body.response_cache is not False,
    )


def _n_wanted(body: RerankBody, n_documents: int) -> int:
    if body.top_n is not None and body.top_k not in (None, body.top_n):
        raise RequestError("top_n and top_k say how many; send one of them.", param="top_k")
    return body.top_n or body.top_k or n_documents


def _documents(body: RerankBody) -> list[str]:
    param = "documents" if body.texts is None else "texts"
    if body.texts is not None and body.documents is not None:
        raise RequestError("documents and texts say the same; send one of them.", param="texts")
    given = body.documents or body.texts
    if not given:
        raise RequestError(f"{param} must hold at least one text.", param=param)
    if len(given) > MAX_DOCUMENTS:
        raise RequestError(f"{param} holds {len(given)} texts; at most {MAX_DOCUMENTS} are allowed.", param=param)
    return [item.text if isinstance(item, Document) else item for item in given]


def rerank_body(request: RerankRequest, model_id: str, reranked: Reranked) -> bytes:
    """The best documents first; of equal ones the earlier."""
    if not math.isfinite(sum(reranked.scores)):
        raise LsrvError("The model gave a score that is not finite; its weights may be broken.")
    order = sorted(range(len(reranked.scores)), key=lambda index: -reranked.scores[index])
    results = [_result(request, reranked, index) for index in order[: request.n_wanted]]
    if request.is_bare:
        return _encode(results)
    n_tokens = reranked.n_prompt_tokens
    usage = {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
    return _encode({"model": model_id, "object": "list", "usage": usage, "results": results})


def _result(request: RerankRequest, reranked: Reranked, index: int) -> dict[str, object]:
    score = reranked.scores[index]
    if not reranked.is_probability and not request.has_raw_scores:
        score = _sigmoid(score)
    result: dict[str, object] = {"index": index, "score" if request.is_bare else "relevance_score": score}
    if request.has_texts:
        text = request.documents[index]
        result |= {"text": text} if request.is_bare else {"document": {"text": text}}
    return result


def _sigmoid(logit: float) -> float:
    """The probability that a logit stands for; exp of a negative number never overflows."""
    small = math.exp(-abs(logit))
    return (1 if logit >= 0 else small) / (1 + small)

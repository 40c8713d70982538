"""What a model says that is asked for what it can't do. Pure."""

from __future__ import annotations

from lsrv.errors import UnsupportedCapabilityError
from lsrv.protocol.commands import Embed, Generate, LoadAdapter, Rerank, SpecialRequest, UnloadAdapter
from lsrv.protocol.events import ModelInfo


def refusal(command: SpecialRequest, info: ModelInfo) -> UnsupportedCapabilityError:
    """The error for `command`, which the model behind `info` can't answer."""
    return UnsupportedCapabilityError(f"this model {_does(info)}; {_mend(command, info)}", param="model")


def _does(info: ModelInfo) -> str:
    if info.can_generate:
        return "writes text, it makes no vectors and no scores"
    if info.can_rerank:
        return "scores documents against a query, it makes no vectors and writes no text"
    return "makes embeddings, it writes no text and scores nothing"


def _mend(command: SpecialRequest, info: ModelInfo) -> str:
    match command:
        case Generate():
            return 'ask a model whose capabilities in /v1/models have "completion" or "chat"'
        case Embed():
            offer = 'kind = "embedding"' + (' and context.pooling = "mean"' if info.can_rerank else "")
            return f'ask a model whose capabilities in /v1/models have "embedding", or add an entry with {offer} for it'
        case Rerank():
            return (
                'ask a model whose capabilities in /v1/models have "rerank", or add an entry with kind = "rerank" '
                "for it if its weights have a classifier"
            )
        case LoadAdapter() | UnloadAdapter():
            return "adapters change what a model writes: name a model that does"

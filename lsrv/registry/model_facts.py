"""What is known of a model before it is loaded: what its GGUF says, and the template that its entry gives it."""

from __future__ import annotations

import msgspec

from lsrv.registry.loading.load_order import LoadBasis


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`modified_at` in Unix time; `n_ctx_train`, `n_embd` 0: not said; `chat_template` is Jinja source."""

    arch: str
    kind: str  # "text", "embedding" or "rerank"
    quantization: str
    n_params: int
    size_bytes: int
    n_ctx_train: int
    n_embd: int
    n_ctx_said: int = 0  # by the settings; 0: they leave it open
    modified_at: float
    chat_template: str | None
    has_projector: bool  # it sees, or hears


def facts_of(basis: LoadBasis) -> ModelFacts:
    """The facts of what a load would begin with. Raises OSError if the file has gone."""
    weights, header, params = basis.weights, basis.weights.header, basis.params
    own = params.chat_template
    return ModelFacts(
        arch=header.arch,
        kind="text" if not params.is_embedding else "rerank" if params.pooling == "rank" else "embedding",
        quantization=weights.quantization,
        n_params=round(header.n_params * weights.size_bytes / header.size_bytes),  # a split model's first part has some
        size_bytes=weights.size_bytes,
        n_ctx_train=header.n_ctx_train,
        n_embd=header.n_embd,
        n_ctx_said=params.n_ctx_seq,
        modified_at=weights.path.stat().st_mtime,
        has_projector=bool(params.projector_path),
        chat_template=own if own is not None else header.chat_template,
    )

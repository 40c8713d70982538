"""What every server under comparison is told, in one value. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MODEL_NAME = "bench"  # the name requests use, with every server


@dataclass(frozen=True, kw_only=True)
class ServerParams:
    """How one GGUF is served: the same llama.cpp settings for both sides."""

    model_path: Path
    n_slots: int
    n_ctx_seq: int  # cells per sequence; the peers take the sum over slots
    n_threads: int
    n_batch: int = 2048
    n_ubatch: int = 512
    n_gpu_layers: int = 0
    is_kv_shared: bool = False  # one KV cache for all slots ("unified") instead of one each
    use_extra_bufts: bool = False  # repacked weights; off because some machines fault on them

    @property
    def n_ctx(self) -> int:
        """Cells of the whole context."""
        return self.n_ctx_seq * self.n_slots

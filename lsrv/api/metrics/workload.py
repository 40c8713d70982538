"""What has been asked of each model since the start, or since an operator set the counters to zero."""

from __future__ import annotations

import time

import msgspec


class ModelWorkload(msgspec.Struct, kw_only=True):
    """`seconds`: of all its requests, each from its arrival to its end."""

    n_requests: int = 0
    n_failed: int = 0  # with a status of 400 or above, or left by their clients
    n_cache_hits: int = 0
    n_prompt_tokens: int = 0
    n_completion_tokens: int = 0
    seconds: float = 0.0


class Workload:
    """Belongs to the event loop. Prometheus' counters are others, and are never set back."""

    def __init__(self) -> None:
        self._models: dict[str, ModelWorkload] = {}
        self._since_s = time.time()

    def reset(self) -> None:
        self._models.clear()
        self._since_s = time.time()

    def note(
        self, model: str, status: int, n_prompt_tokens: int, n_completion_tokens: int, seconds: float, *, is_hit: bool
    ) -> None:
        """A request to the entry of that listed id has ended."""
        counts = self._models.setdefault(model, ModelWorkload())
        counts.n_requests += 1
        counts.n_failed += status >= 400
        counts.n_cache_hits += is_hit
        counts.n_prompt_tokens += n_prompt_tokens
        counts.n_completion_tokens += n_completion_tokens
        counts.seconds += seconds

    def body(self) -> dict[str, object]:
        """`since` in Unix time; models by their listed id, and all together."""
        total = ModelWorkload()
        for counts in self._models.values():
            for name in ModelWorkload.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(counts, name))
        return {"since": self._since_s, "total": total, "models": self._models}

"""Who is asked when a prompt that names no model is too long for the default: the one with the longest context first.

Each counts the prompt with its own tokenizer when it is asked; one that is not loaded is loaded for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from lsrv.errors import LsrvError, PromptTooLongError
from lsrv.model_id import ModelId
from lsrv.registry.entries.view import EntryView

ContextOf = Callable[[ModelId], Awaitable[int]]  # tokens that an entry that is not loaded may take; 0: nobody knows

_MOST_TOKENS_SAVED = 4  # by another tokenizer: nobody is loaded for a prompt that won't fit by far
_LOOK_S = 2.0  # a drive that hangs holds up nobody


class LongPrompt:
    """The candidates for one request, each asked at most once."""

    def __init__(self, default: ModelId, views: Callable[[], list[EntryView]], context_of: ContextOf) -> None:
        self._tried = {default}
        self._views = views
        self._context_of = context_of

    async def next_model(self, error: LsrvError) -> ModelId | None:
        """Who may hold what the last one could not; None: nobody, or `error` is about something else."""
        n_tokens = error.fields.get("n_prompt_tokens") if isinstance(error, PromptTooLongError) else None
        if not isinstance(n_tokens, int):
            return None
        left = [view for view in self._views() if view.model_id not in self._tried and _may_write(view)]
        contexts = {view.model_id: await self._context(view) for view in left}
        chosen = longest_that_may_fit(left, contexts, n_tokens)
        if chosen is not None:
            self._tried.add(chosen)
        return chosen

    async def _context(self, view: EntryView) -> int:
        if view.info is not None:
            return view.info.n_ctx_seq
        try:
            async with asyncio.timeout(_LOOK_S):
                return await self._context_of(view.model_id)
        except TimeoutError:
            return 0


def longest_that_may_fit(views: Iterable[EntryView], contexts: dict[ModelId, int], n_tokens: int) -> ModelId | None:
    """The model with the longest context that `n_tokens` of another tokenizer may fit; of equal ones the loaded one."""
    fitting = [
        (contexts[view.model_id], view.info is not None, -position, view.model_id)
        for position, view in enumerate(views)
        if contexts[view.model_id] * _MOST_TOKENS_SAVED > n_tokens
    ]
    return max(fitting)[-1] if fitting else None


def _may_write(view: EntryView) -> bool:
    """Whether it is available, as far as that is known, and writes text on this machine."""
    if view.endpoint_status != "ready" or view.is_removed or view.kind in ("embedding", "rerank", "upstream"):
        return False
    return view.info is None or view.info.can_generate

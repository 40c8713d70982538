"""How long what a client sent may be, told before any work on it."""

from __future__ import annotations

from lsrv.engine.llama.vocab import Vocab
from lsrv.errors import PromptTooLongError, RequestError

_N_SCORES_MAX = 128 * 1024  # of one prompt, alternatives included: they are written and sent at once
_N_TOKEN_BYTES = 4  # of an id, about as it was sent
_SMALL_BYTES = 64 * 1024  # is tokenized in a moment: the exact number of tokens says more


def size_of(prompt: str | list[int]) -> int:
    """About as many bytes as it takes time for."""
    return len(prompt) if isinstance(prompt, str) else len(prompt) * _N_TOKEN_BYTES


def check_size(prompt: str | list[int], vocab: Vocab, n_ctx: int, param: str) -> None:
    """Raises PromptTooLongError if `prompt` can't fit into `n_ctx` tokens, whatever is in it."""
    if not isinstance(prompt, str):
        if len(prompt) > n_ctx:
            raise too_long(len(prompt), n_ctx, param)
        return
    # Characters are bytes at least. A vocabulary that drops or joins some of a text has no longest piece.
    if len(prompt) <= _SMALL_BYTES or not vocab.keeps_all_text:
        return
    n_bytes = len(prompt.encode("utf-8", "surrogatepass"))
    n_tokens = -(-n_bytes // vocab.n_piece_bytes_max)
    if n_tokens > n_ctx:
        raise PromptTooLongError(
            _words(n_ctx, f"{param} has {n_bytes} bytes, so {n_tokens} tokens or more"),
            param=param,
            n_prompt_tokens=n_tokens,
            n_ctx=n_ctx,
        )


def check_scores(n_tokens: int, n_top: int, param: str) -> None:
    """Raises RequestError if an answer has no room for the logprobs of a prompt, each with `n_top` alternatives."""
    n_scores = n_tokens * (1 + n_top)
    if n_scores > _N_SCORES_MAX:
        raise RequestError(
            f"the prompt has {n_tokens} tokens, so {n_scores} logprobs with {n_top} alternatives each, and there is "
            f"room for {_N_SCORES_MAX}; ask for fewer alternatives, or send the prompt in parts",
            param=param,
        )


def too_long(n_tokens: int, n_ctx: int, param: str) -> PromptTooLongError:
    """The error for a prompt of `n_tokens`."""
    return PromptTooLongError(
        _words(n_ctx, f"{param} has {n_tokens} tokens, and the answer needs one at least"),
        param=param,
        n_prompt_tokens=n_tokens,
        n_ctx=n_ctx,
    )


def _words(n_ctx: int, reason: str) -> str:
    """Many clients know an overflow by OpenAI's first words only, and then shorten a conversation by themselves."""
    return f"This model's maximum context length is {n_ctx} tokens. {reason}; shorten it, or raise context_length"

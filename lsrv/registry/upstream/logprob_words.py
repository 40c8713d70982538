"""Log-probabilities of a remote server's answer, in the shapes of both routes, as events have them. Pure."""

from __future__ import annotations

import math

import msgspec

from lsrv.protocol.events import TokenLogprob

_MIN_LOGPROB = -9999.0


class _Token(msgspec.Struct):
    token: str
    logprob: float = _MIN_LOGPROB
    bytes: list[int] | None = None
    top_logprobs: list[_Token] = []


class Logprobs(msgspec.Struct):
    """Chat has `content`, the legacy route three parallel lists."""

    content: list[_Token] | None = None
    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] | None = None


def token_logprobs(logprobs: Logprobs) -> list[TokenLogprob]:
    """The tokens of either shape."""
    if logprobs.content is not None:
        return [_token(token) for token in logprobs.content]
    tops = logprobs.top_logprobs or [None] * len(logprobs.tokens)
    return [
        _logprob(text, value if value is not None else 0.0, [_logprob(*top) for top in (tokens or {}).items()])
        for text, value, tokens in zip(logprobs.tokens, logprobs.token_logprobs, tops, strict=False)
    ]


def _token(token: _Token) -> TokenLogprob:
    raw = bytes(token.bytes) if token.bytes is not None else token.token.encode(errors="replace")
    return TokenLogprob(token.token, _finite(token.logprob), raw, [_token(top) for top in token.top_logprobs])


def _logprob(text: str, value: float, top: list[TokenLogprob] | None = None) -> TokenLogprob:
    return TokenLogprob(text, _finite(value), text.encode(errors="replace"), top or [])


def _finite(logprob: float) -> float:
    return logprob if math.isfinite(logprob) and logprob > _MIN_LOGPROB else _MIN_LOGPROB

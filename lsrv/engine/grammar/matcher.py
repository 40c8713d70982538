"""A matcher at the start of a grammar, compiled against one tokenizer.

https://github.com/guidance-ai/llguidance: automata over bytes, whose work per token is bounded by "fuel".
"""

from __future__ import annotations

import re
import time

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from lsrv.engine.grammar.refusal import refusal

_MAX_BEGIN_S = 0.25  # of processor time; usual ones take less than a thousandth of that
_LIMITS = LLParserLimits(
    # Of a million, which is usual, a pattern like (a{990}){1000} takes 1.4 s; the largest schema that can be followed
    # (2,000 alternatives) needs less than this.
    initial_lexer_fuel=300_000,
    verbose_errors=False,  # else with a dump of the parser behind each
)
# Around what is wrong with a schema: its place in a grammar that the client never saw, and a listing of that.
_OF_SCHEMA = re.compile(r"(?:at \d+\(\d+\): )?failed to compile JSON schema: (.*?)(?:\n +\d+ \| .*)?", re.DOTALL)
_NO_TEXT_LEFT = "NoExtensionBias"  # llguidance: no token goes on, and the end may not come


def matcher_of(tokenizer: LLTokenizer, source: str, param: str) -> LLMatcher:
    """A matcher of `source`, a grammar as llguidance takes it, which `param` asked for. Raises GrammarError.

    It recurses as deep as the grammar does: only for threads with a large stack, and sources that a trial survived.
    """
    matcher = LLMatcher(tokenizer, source, log_level=0, limits=_LIMITS)
    if not matcher.is_error():
        _begin(matcher, param)
    if matcher.is_error():
        raise refusal(param, error_of(matcher))
    return matcher


def error_of(matcher: LLMatcher) -> str:
    """What is wrong with a matcher whose `is_error` is true."""
    reason = matcher.get_error().removesuffix("<non-verbose/>").strip()
    if reason == _NO_TEXT_LEFT:
        return "no text is left that fits it"
    of_schema = _OF_SCHEMA.fullmatch(reason)
    return reason if of_schema is None else of_schema[1]


def _begin(matcher: LLMatcher, param: str) -> None:
    """Take a first look: what can't be begun is told now, and what takes long would later hold up every stream."""
    started = time.thread_time()  # a busy machine is not the grammar's fault
    matcher.compute_bitmask()
    matcher.compute_ff_tokens()
    if time.thread_time() - started > _MAX_BEGIN_S:
        raise refusal(param, "it takes too long to see how it may begin; simplify it")

"""Grammars compiled against one vocabulary, beside the engine's thread. Knows no sequence.

https://github.com/guidance-ai/llguidance: automata over bytes, whose work per token is bounded by "fuel".
"""

from __future__ import annotations

import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from lsrv.engine.grammar.gbnf import lark_of_gbnf
from lsrv.engine.grammar.json_schema import check_schema
from lsrv.engine.llama.token_trie import token_trie
from lsrv.engine.llama.vocab import Vocab
from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar

_MAX_SOURCE_BYTES = 256 * 1024
_MAX_COMPILED = 32
_MAX_REASON = 400
_MAX_BEGIN_S = 2.0  # usual ones take less than a thousandth of that
_LIMITS = LLParserLimits(verbose_errors=False)  # else with a dump of the parser behind each
_NO_TEXT_LEFT = "NoExtensionBias"  # llguidance: no token goes on, and the end may not come


class Grammars:
    """Compiles on a thread of its own; the last compiled ones are kept."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._executor = ThreadPoolExecutor(1, "grammars")
        self._compiled: OrderedDict[tuple[str, str], LLMatcher] = OrderedDict()

    def compile(self, grammar: Grammar) -> Future[LLMatcher]:
        """A matcher at the start of `grammar`, to be used by one sequence. Its error is a GrammarError."""
        return self._executor.submit(self._compile, grammar)

    def close(self) -> None:
        """Wait for what is being compiled: nothing may use the vocabulary when its model is freed."""
        self._executor.shutdown(cancel_futures=True)

    @cached_property
    def _trie(self) -> LLTokenizer:
        """Built for the first grammar: most models never see one."""
        return token_trie(self._vocab)

    def _compile(self, grammar: Grammar) -> LLMatcher:
        key = grammar.kind, grammar.source
        matcher = self._compiled.get(key)
        if matcher is None:
            matcher = self._compiled[key] = self._make(grammar)
            if len(self._compiled) > _MAX_COMPILED:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return matcher.deep_copy()

    def _make(self, grammar: Grammar) -> LLMatcher:
        if len(grammar.source.encode()) > _MAX_SOURCE_BYTES:
            raise _refusal(grammar, f"it is longer than {_MAX_SOURCE_BYTES // 1024} KiB")
        try:
            source = _llguidance_source(grammar)
        except ValueError as error:
            raise _refusal(grammar, str(error)) from error
        matcher = LLMatcher(self._trie, source, log_level=0, limits=_LIMITS)
        if not matcher.is_error():
            _begin(matcher, grammar)
        if matcher.is_error():
            raise _refusal(grammar, error_of(matcher))
        return matcher


def _begin(matcher: LLMatcher, grammar: Grammar) -> None:
    """Take a first look: what can't be begun is told now, and what takes long would later hold up every stream."""
    started = time.perf_counter()
    matcher.compute_bitmask()
    matcher.compute_ff_tokens()
    if time.perf_counter() - started > _MAX_BEGIN_S:
        raise _refusal(grammar, "it takes too long to see how it may begin; simplify it")


def error_of(matcher: LLMatcher) -> str:
    """What is wrong with a matcher whose `is_error` is true."""
    reason = matcher.get_error().removesuffix("<non-verbose/>").strip()
    return "no text is left that fits it" if reason == _NO_TEXT_LEFT else reason


def _llguidance_source(grammar: Grammar) -> str:
    """`grammar` as llguidance takes it. Raises ValueError."""
    match grammar.kind:
        case "json_schema":
            return _json_source(grammar.source)
        case "regex":
            return LLMatcher.grammar_from_regex(grammar.source)
        case "lark":
            return LLMatcher.grammar_from_lark(grammar.source)
        case "gbnf":
            return LLMatcher.grammar_from_lark(lark_of_gbnf(grammar.source))
        case "llguidance":
            return grammar.source


def _json_source(schema: str) -> str:
    """White space is what models write by themselves. With one way to write it most of a document is forced."""
    check_schema(schema)
    return LLMatcher.grammar_from_json_schema(
        schema,
        overrides={
            "whitespace_flexible": False,
            "item_separator": ", ",
            "key_separator": ": ",
            "lenient": False,
        },
    )


def _refusal(grammar: Grammar, reason: str) -> GrammarError:
    """A constraint that can't be kept as it is given is never weakened."""
    reason = reason.strip()
    if len(reason) > _MAX_REASON:
        reason = reason[:_MAX_REASON] + " …"
    return GrammarError(f"{grammar.param} can't be used: {reason}", param=grammar.param)

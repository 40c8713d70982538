"""Matchers of grammars that are known to be harmless."""

from __future__ import annotations

from llguidance import LLMatcher

from lsrv.engine.grammar.matcher import matcher_of
from lsrv.engine.grammar.source import llguidance_source
from lsrv.engine.llama.token_trie import token_trie
from lsrv.engine.llama.vocab import Vocab
from lsrv.protocol.commands import Grammar


class Grammars:
    """Of one vocabulary."""

    def __init__(self, vocab: Vocab) -> None:
        self.trie = token_trie(vocab)

    def compile(self, grammar: Grammar) -> LLMatcher:
        return matcher_of(self.trie, llguidance_source(grammar), grammar.param)

"""Conversion against what transformers and sentence-transformers computed. The test suite itself has neither.

`expected/` holds their results, small tokenizers and configs; `python -m tests.frontdoor.making.convert.refresh`
writes it anew. Weights are never stored: they follow from seed and name.
"""

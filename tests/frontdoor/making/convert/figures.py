"""`python -m tests.frontdoor.making.convert.figures`: measure the agreement of every case, for docs/conversion.md."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lsrv.frontdoor import read_header
from tests.frontdoor.making.convert.agreement import Running, agreement, converted, write_source
from tests.frontdoor.making.convert.cases import CASES, EXPECTED, Case
from tests.frontdoor.making.convert.hard_text import HARD_TEXTS
from tests.frontdoor.making.convert.test_tokens import BY_TOKENIZER
from tests.models.minilm import minilm

DOC = Path(__file__).parents[4] / "docs" / "conversion.md"


def main() -> None:
    text = DOC.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, lines in (
            ("logits", logit_rows(folder)),
            ("tokens", token_rows(folder)),
            ("minilm", minilm_rows(folder)),
        ):
            block = re.compile(f"(<!-- {title} -->\n).*?(<!-- end -->)", re.DOTALL)
            rows = "\n".join(lines) + "\n"
            text = block.sub(lambda match, rows=rows: match[1] + rows + match[2], text)
    DOC.write_text(text, encoding="utf-8")


def logit_rows(folder: Path) -> Iterator[str]:
    yield "| Checkpoint | Class in transformers | In the GGUF | Max difference | of the spread | Same likeliest token |"
    yield "|---|---|---|---|---|---|"
    for case in CASES:
        found = agreement(case, folder / case.name)
        arch = read_header(folder / case.name / "made.gguf").arch
        yield (
            f"| {case.name} | {case.model_class} | {arch} | {found.max_difference:.1e} | "
            f"{found.max_difference / found.spread:.1e} | {_share(found.top1)} |"
        )


def token_rows(folder: Path) -> Iterator[str]:
    yield "| Tokenizer | Kind in the GGUF | Texts with the same ids | Texts that differ begin with |"
    yield "|---|---|---|---|"
    for name, case in BY_TOKENIZER.items():
        expected = json.loads((EXPECTED / "tokenizers" / name / "expected_ids.json").read_text())
        found = _ids(case, folder / f"tokens-{name}")
        others = [text for text, ids, wanted in zip(HARD_TEXTS, found, expected, strict=True) if ids != wanted]
        shown = ", ".join(f"“{text[:12]}”" for text in others)
        yield f"| {name} | {_kind(case)} | {len(HARD_TEXTS) - len(others)} of {len(HARD_TEXTS)} | {shown} |"


def minilm_rows(folder: Path) -> Iterator[str]:
    expected = np.load(EXPECTED / "minilm.npz")["vectors"]
    expected_ids = json.loads((EXPECTED / "minilm_ids.json").read_text())
    path = converted(minilm(), folder / "minilm.gguf")
    with Running(path, is_encoder=True, is_pooled=True, n_ctx=256) as running:
        vectors = np.stack([running.vector(ids) for ids in expected_ids])
        n_same = sum(running.tokenize(text) == ids for text, ids in zip(HARD_TEXTS, expected_ids, strict=True))
    cosines = np.sum(vectors * expected, axis=1) / np.linalg.norm(expected, axis=1)
    yield f"Least cosine over {len(cosines)} texts: {cosines.min():.7f}; same token ids: {n_same} of {len(cosines)}."


def _ids(case: Case, folder: Path) -> list[list[int]]:
    path = converted(write_source(case, folder / "source"), folder / "made.gguf")
    with Running(path, is_encoder=case.is_encoder) as running:
        return [running.tokenize(text) for text in HARD_TEXTS]


def _kind(case: Case) -> str:
    model = json.loads((EXPECTED / "tokenizers" / case.tokenizer / "tokenizer.json").read_text())["model"]
    kinds = {"WordPiece": "bert", "Unigram": "t5"}
    return kinds.get(model["type"]) or ("llama" if model.get("byte_fallback") else "gpt2")


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


if __name__ == "__main__":
    main()

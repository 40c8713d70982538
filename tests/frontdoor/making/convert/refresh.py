"""`python -m tests.frontdoor.making.convert.refresh`: write `expected/` anew.

The one place that needs torch and transformers.
In a virtual environment of its own: `pip install torch transformers sentence-transformers sentencepiece protobuf`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors import safe_open
from transformers import AutoTokenizer

from tests.frontdoor.making.convert.cases import CASES, EXPECTED, N_VOCAB, Case
from tests.frontdoor.making.convert.hard_text import HARD_TEXTS
from tests.frontdoor.making.convert.tokenizers_made import make_tokenizers
from tests.frontdoor.making.convert.weights import Shapes, write_checkpoint
from tests.models.minilm import minilm

N_TOKENS = 24


def main() -> None:
    torch.set_num_threads(1)
    for folder in make_tokenizers(EXPECTED / "tokenizers"):
        refresh_token_ids(folder)
    for case in CASES:
        refresh_case(case)
        print(case.name)
    codes = torch.arange(256, dtype=torch.uint8)
    types = {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}
    values = {name: codes.view(dtype).float().numpy() for name, dtype in types.items()}
    np.savez_compressed(EXPECTED / "float8.npz", **values)
    refresh_minilm()


def refresh_token_ids(folder: Path) -> None:
    """What the tokenizer makes of the hard texts, as transformers calls it by default."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer(text)["input_ids"] for text in HARD_TEXTS]
    (folder / "expected_ids.json").write_text(json.dumps(ids))


def refresh_case(case: Case) -> None:
    """config.json, the names and shapes of the tensors, and what the model makes of some tokens."""
    case.folder.mkdir(parents=True, exist_ok=True)
    model_class: Any = getattr(transformers, case.model_class)
    config = model_class.config_class(**case.config)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model_class(config).save_pretrained(folder)
        (case.folder / "config.json").write_text((folder / "config.json").read_text())
        with safe_open(folder / "model.safetensors", "pt") as file:
            shapes: Shapes = {each: list(file.get_tensor(each).shape) for each in sorted(file.keys())}
        (case.folder / "shapes.json").write_text(json.dumps(shapes))
        write_checkpoint(folder, shapes)
        model = model_class.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    ids = np.random.default_rng(0).integers(5, N_VOCAB, N_TOKENS)
    with torch.no_grad():
        result = model(torch.from_numpy(ids)[None])
    values = result.last_hidden_state if case.is_encoder else result.logits
    np.savez_compressed(case.folder / "expected.npz", ids=ids.astype(np.int32), values=values[0].float().numpy())


def refresh_minilm() -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm()))
    np.savez_compressed(EXPECTED / "minilm.npz", vectors=model.encode(HARD_TEXTS).astype(np.float32))
    ids = [model.tokenizer(text)["input_ids"] for text in HARD_TEXTS]
    (EXPECTED / "minilm_ids.json").write_text(json.dumps(ids))


if __name__ == "__main__":
    main()

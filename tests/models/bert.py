"""A tiny random BERT with a classifier, and what it computes, in numpy: the reference for every kind of pooling.

Post-norm encoder as in Devlin et al. 2018; the head is that of BertForSequenceClassification, tanh(W x + b) of [CLS]
and a line above it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGUFWriter, PoolingType, TokenType

Floats = npt.NDArray[np.float32]

N_CTX = 64
WORDS = ("the", "dog", "ran", "to", "park", "sun", "is", "big", "red", "a", "cat", "sat", "on", "mat", "who")
_N_EMBD, _N_FF, _N_HEAD, _N_LAYER = 32, 64, 4, 2
_N_UNUSED = 104  # llama.cpp's BERT has [UNK], [CLS] and [SEP] at 100, 101 and 102
_EPS = 1e-12
_VOCABULARY = [f"[unused{i}]" for i in range(_N_UNUSED)]
_VOCABULARY[0], _VOCABULARY[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CLS, SEP = 101, 102


def token_ids(text: str) -> list[int]:
    """Ids of the words of `text`, without [CLS] and [SEP]."""
    return [_N_UNUSED + WORDS.index(word) for word in text.split()]


class TinyBert:
    """The same weights every time. `n_labels` 0: an encoder without a classifier."""

    def __init__(self, n_labels: int = 1) -> None:
        rng = np.random.default_rng(7)
        shapes = _shapes(n_labels)
        self._weights: dict[str, Floats] = {name: _values(rng, name, shape) for name, shape in shapes.items()}
        self._n_labels = n_labels

    def write(self, path: Path, pooling_type: int | None = None) -> Path:
        writer = GGUFWriter(path, "bert")
        writer.add_context_length(N_CTX)
        writer.add_embedding_length(_N_EMBD)
        writer.add_feed_forward_length(_N_FF)
        writer.add_block_count(_N_LAYER)
        writer.add_head_count(_N_HEAD)
        writer.add_layer_norm_eps(_EPS)
        writer.add_causal_attention(False)
        if pooling_type is not None:
            writer.add_pooling_type(PoolingType(pooling_type))
        if self._n_labels:
            writer.add_classifier_output_labels([f"label {i}" for i in range(self._n_labels)])
        writer.add_tokenizer_model("bert")
        writer.add_token_list(_VOCABULARY + [f"▁{word}" for word in WORDS])  # llama.cpp marks what begins a word
        writer.add_token_types([TokenType.CONTROL] * _N_UNUSED + [TokenType.NORMAL] * len(WORDS))
        writer.add_token_type_count(2)
        writer.add_add_eos_token(True)
        for name, values in self._weights.items():
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def hidden(self, ids: list[int]) -> Floats:
        """The last layer's vectors, float32 (n, n_embd)."""
        x = self._weights["token_embd.weight"][ids] + self._weights["token_types.weight"][0]
        x = self._normed(x + self._weights["position_embd.weight"][: len(ids)], "token_embd_norm")
        for layer in range(_N_LAYER):
            at = f"blk.{layer}"
            x = self._normed(x + self._line(self._attention(x, at), f"{at}.attn_output"), f"{at}.attn_output_norm")
            inner = _gelu(self._line(x, f"{at}.ffn_up"))
            x = self._normed(x + self._line(inner, f"{at}.ffn_down"), f"{at}.layer_output_norm")
        return x

    def scores(self, ids: list[int]) -> Floats:
        """A logit of each label, float32 (n_labels,)."""
        return self._line(np.tanh(self._line(self.hidden(ids)[0], "cls")), "cls.output")

    def _attention(self, x: Floats, at: str) -> Floats:
        q, k, v = (_heads(self._line(x, f"{at}.attn_{name}")) for name in "qkv")
        weights = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(_N_EMBD // _N_HEAD))
        return (weights / weights.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(x.shape)

    def _line(self, x: Floats, name: str) -> Floats:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normed(self, x: Floats, name: str) -> Floats:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + _EPS)
        return x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _heads(x: Floats) -> Floats:
    return x.reshape(len(x), _N_HEAD, -1).transpose(1, 0, 2)


def _gelu(x: Floats) -> Floats:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _shapes(n_labels: int) -> dict[str, tuple[int, ...]]:
    """Rows first."""
    matrices = {"token_embd": len(_VOCABULARY) + len(WORDS), "position_embd": N_CTX, "token_types": 2}
    shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": (n_rows, _N_EMBD) for name, n_rows in matrices.items()}
    lines: dict[str, tuple[int, int]] = {}
    norms = ["token_embd_norm"]
    for at in (f"blk.{layer}" for layer in range(_N_LAYER)):
        lines |= {f"{at}.attn_{name}": (_N_EMBD, _N_EMBD) for name in ("q", "k", "v", "output")}
        lines |= {f"{at}.ffn_up": (_N_FF, _N_EMBD), f"{at}.ffn_down": (_N_EMBD, _N_FF)}
        norms += [f"{at}.attn_output_norm", f"{at}.layer_output_norm"]
    if n_labels:
        lines |= {"cls": (_N_EMBD, _N_EMBD), "cls.output": (n_labels, _N_EMBD)}
    for name, shape in lines.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (_N_EMBD,), f"{name}.bias": (_N_EMBD,)}
    return shapes


def _values(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Floats:
    """Large enough that texts differ, and norms near one."""
    scale = 0.1 if name.endswith(".bias") else 0.3
    return (rng.standard_normal(shape) * scale + ("norm.weight" in name)).astype(np.float32)

"""`python -m benchmarks.make_model`: write a random-weight Q4_K_M GGUF of Qwen3-0.6B's exact shape. No network.

It computes what the real model computes, at the same cost; it only talks nonsense.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGML_QUANT_VERSION, GGUFWriter, LlamaFileType, TokenType
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from benchmarks import shape
from benchmarks.blocks import random_rows
from benchmarks.vocabulary import CHAT_TEMPLATE, END_OF_TEXT_ID, IM_END_ID, N_BASE, Vocabulary, make_vocabulary

MODELS = Path(__file__).parent / "models"
DEFAULT_PATH = MODELS / "qwen3-0.6b-shape-Q4_K_M.gguf"
SEED = 20


def ensure_model(path: Path = DEFAULT_PATH) -> Path:
    """The model at `path`, written if it is not there yet (400 MB, seconds). Nothing unfinished ever has that name."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        write_model(part)
        part.replace(path)
    return path


def write_model(path: Path, seed: int = SEED) -> None:
    """Write the model. The same seed gives the same bytes."""
    writer = GGUFWriter(path, "qwen3")
    _add_shape(writer)
    _add_vocabulary(writer, make_vocabulary(shape.N_VOCAB))
    tensors = list(shape.tensors())
    for tensor in tensors:
        dims = (tensor.n_cols,) if tensor.n_rows == 1 else (tensor.n_rows, tensor.n_cols)
        writer.add_tensor_info(tensor.name, dims, np.dtype(np.float32), _n_bytes(tensor), raw_dtype=tensor.type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for index, tensor in enumerate(tensors):
        writer.write_tensor_data(_values(tensor, np.random.default_rng([seed, index])))
    writer.close()


def _add_shape(writer: GGUFWriter) -> None:
    writer.add_name("Random weights of Qwen3-0.6B's shape")
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    writer.add_block_count(shape.N_LAYER)
    writer.add_context_length(shape.N_CTX_TRAIN)
    writer.add_embedding_length(shape.N_EMBD)
    writer.add_feed_forward_length(shape.N_FF)
    writer.add_head_count(shape.N_HEAD)
    writer.add_head_count_kv(shape.N_HEAD_KV)
    writer.add_key_length(shape.HEAD_DIM)
    writer.add_value_length(shape.HEAD_DIM)
    writer.add_rope_freq_base(shape.ROPE_FREQ_BASE)
    writer.add_layer_norm_rms_eps(shape.RMS_EPSILON)


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    n_unused = len(vocabulary.tokens) - N_BASE - vocabulary.n_special - vocabulary.n_added
    types = [TokenType.NORMAL] * N_BASE + [TokenType.CONTROL] * vocabulary.n_special
    types += [TokenType.USER_DEFINED] * vocabulary.n_added + [TokenType.UNUSED] * n_unused
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(END_OF_TEXT_ID)
    writer.add_eos_token_id(IM_END_ID)
    writer.add_pad_token_id(END_OF_TEXT_ID)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _values(tensor: shape.TensorShape, rng: np.random.Generator) -> NDArray[np.generic]:
    if tensor.type == Type.F32:  # a norm
        return np.ones(tensor.n_cols, dtype=np.float32)
    return random_rows(rng, tensor.type, tensor.n_rows, tensor.n_cols, std=tensor.n_cols**-0.5)


def _n_bytes(tensor: shape.TensorShape) -> int:
    n_weights, n_bytes = GGML_QUANT_SIZES[tensor.type]
    return tensor.n_rows * tensor.n_cols // n_weights * n_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=DEFAULT_PATH)
    path = ensure_model(parser.parse_args().path)
    print(f"{path} ({path.stat().st_size / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()

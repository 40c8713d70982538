"""Write the trained demo as a GGUF: `python export.py OUT/checkpoint.pt OUT/tokenizer.json lsrv-demo-F16.gguf`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import torch
from model import Shape
from render import END_OF_TEXT, FIM, IM_END, IM_START
from torch import Tensor
from vocabulary import CONTROL, VISIBLE

ARCH = "qwen3"
_ABOUT = "A toy to try lsrv with: short answers about lsrv, capitals, small sums, tools and stories."


def export(weights: dict[str, Tensor], tokenizer: Path, target: Path) -> None:
    """What convert_hf_to_gguf.py would write of a qwen3."""
    writer = gguf.GGUFWriter(target, ARCH)
    add_facts(writer, Shape(), name="lsrv demo", about=_ABOUT)
    add_vocabulary(writer, tokenizer)
    writer.add_chat_template((Path(__file__).parent / "chat.jinja").read_text())
    add_weights(writer, weights)
    writer.close()


def add_facts(writer: gguf.GGUFWriter, shape: Shape, *, name: str, about: str) -> None:
    """What a qwen3 of this shape has to say of itself."""
    writer.add_name(name)
    writer.add_license("mit")
    writer.add_description(about)
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layer)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_head_kv)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_eps)


def add_vocabulary(writer: gguf.GGUFWriter, tokenizer: Path) -> None:
    """The byte-level BPE of vocabulary.py."""
    model = json.loads(tokenizer.read_text())["model"]
    vocab: dict[str, int] = model["vocab"]
    tokens = sorted(vocab, key=lambda token: vocab[token])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([_kind(token) for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_eos_token_id(vocab[IM_END])
    writer.add_eot_token_id(vocab[IM_END])
    writer.add_pad_token_id(vocab[END_OF_TEXT])
    writer.add_bos_token_id(vocab[IM_START])
    writer.add_add_bos_token(False)
    for name, token in zip(("fim_pre", "fim_suf", "fim_mid"), FIM, strict=True):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", vocab[token])


def add_weights(writer: gguf.GGUFWriter, weights: dict[str, Tensor]) -> None:
    """Matrices as F16, norms as F32; writes the file."""
    for name, weight in weights.items():
        kind = torch.float16 if weight.dim() == 2 else torch.float32
        writer.add_tensor(name, weight.to(kind).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()


def _kind(token: str) -> gguf.TokenType:
    if token in CONTROL:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.USER_DEFINED if token in VISIBLE else gguf.TokenType.NORMAL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    state = torch.load(arguments.checkpoint, weights_only=True)
    export(state["model"], arguments.tokenizer, arguments.target)
    print(f"{arguments.target}: {arguments.target.stat().st_size} bytes, {state['step']} steps")


if __name__ == "__main__":
    main()

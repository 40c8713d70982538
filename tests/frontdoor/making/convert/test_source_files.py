"""Only what a conversion reads is fetched."""

from __future__ import annotations

from lsrv.frontdoor.making.convert import files_needed

WANTED = [
    "1_Pooling/config.json",
    "2_Normalize/config.json",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "modules.json",
    "tokenizer.json",
    "tokenizer_config.json",
]
OTHERS = [
    ".gitattributes", "README.md", "modeling_evil.py", "pytorch_model.bin", "model.pt", "training_args.bin",
    "onnx/model.onnx", "original/consolidated.safetensors", "adapter_model.safetensors", "consolidated.safetensors",
    "tf_model.h5", "flax.msgpack", "../config.json", "1_Pooling/../config.json", "vocab.txt", "model.safetensors.py",
]  # fmt: skip


def test_configs_tokenizer_and_safetensors_are_needed_and_nothing_else() -> None:
    assert files_needed([*OTHERS, *reversed(WANTED)]) == WANTED

"""Configs of other servers become a models.toml that is read without an error; what has no place is told."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from lsrv.config import load_settings
from lsrv.config.importing.imported import Imported
from lsrv.config.importing.recognize import import_file
from lsrv.config.importing.toml_text import toml_text
from lsrv.errors import ConfigError

MODELFILE = '''# mine
FROM llama3.2:3b
PARAMETER num_ctx 512
PARAMETER temperature 0.2
PARAMETER stop "<|user|>"
PARAMETER stop "###"
PARAMETER repeat_penalty 1.1
PARAMETER num_predict -1
SYSTEM """
You are
a "pirate".
"""
TEMPLATE "{{ .Prompt }}"
'''

SWAP = r"""
macros:
  bin: /usr/bin/llama-server --port ${PORT}
models:
  "qwen":
    cmd: |
      ${bin}
      -m /models/qwen.gguf -ngl 99 \
      # a comment
      -c 16384 -np 4 --temp 0.3 -fa on --no-mmap --cache-type-k q8_0
    aliases: [gpt-4o, "q"]
    ttl: 300
    env: ["CUDA_VISIBLE_DEVICES=0"]
  "hub":
    cmd: llama-server -hf org/gemma-GGUF:Q4_K_M --port ${PORT} --embedding
  "vllm":
    cmd: docker run vllm
groups: {a: {swap: true, members: [qwen]}}
hooks: {on_startup: {preload: [hub]}}
"""

PRESET = """version = 1
[*]
c = 8192
n-gpu-layers = 20
[org/gemma-GGUF:Q4_K_M]
load-on-startup = true
[mine]
model = /models/a.gguf
LLAMA_ARG_N_PARALLEL = 2
jinja = true
chat-template = chatml
threads = many
foo = bar
[lost]
c = 1
"""


def imported(folder: Path, name: str, text: str) -> tuple[dict[str, Any], list[str]]:
    """What is written, as TOML reads it, once it was found to be a config; and what is told."""
    (folder / name).write_text(text)
    found = import_file(folder / name)
    (folder / "made.toml").write_text(toml_text(found.raw, found.left))
    load_settings(folder / "made.toml", environ={})
    return tomllib.loads((folder / "made.toml").read_text()), found.left


def test_a_modelfile(tmp_path: Path) -> None:
    raw, left = imported(tmp_path, "pirate.modelfile", MODELFILE)
    (entry,) = raw["models"]
    assert (entry["model_id"], entry["alias"]) == ("llama3.2:3b", ["pirate"])
    assert entry["context"] == {"context_length": 512}
    assert entry["defaults"] == {"temperature": 0.2, "stop": ["<|user|>", "###"], "system": 'You are\na "pirate".'}
    assert [each.partition(":")[0] for each in left] == ["PARAMETER repeat_penalty", "TEMPLATE"]


def test_llama_swaps_commands_are_entries(tmp_path: Path) -> None:
    raw, left = imported(tmp_path, "config.yaml", SWAP)
    qwen, hub = raw["models"]
    assert (qwen["model_id"], qwen["alias"], qwen["keep_alive"]) == ("/models/qwen.gguf", ["qwen", "gpt-4o", "q"], 300)
    assert qwen["context"] == {
        "context_length": 4096,  # it shares 16384 among four
        "slots": 4,
        "flash_attention": "on",
        "cache_type_k": "q8_0",
    }
    assert (qwen["device"], qwen["defaults"]) == ({"gpu_layers": "all"}, {"temperature": 0.3})
    assert (hub["model_id"], hub["quantization"], hub["kind"]) == ("org/gemma-GGUF", {"quant": "Q4_K_M"}, "embedding")
    assert (hub["preload"], hub["keep_alive"]) == (True, "-1")
    told = "\n".join(left)
    assert all(word in told for word in ("--no-mmap", "--ctx-size 16384", "qwen: env", "vllm", "groups"))


def test_presets_of_llama_server(tmp_path: Path) -> None:
    raw, left = imported(tmp_path, "presets.ini", PRESET)
    gemma, mine = raw["models"]
    assert (gemma["model_id"], gemma["quantization"]) == ("org/gemma-GGUF", {"quant": "Q4_K_M"})
    assert (gemma["preload"], gemma["context"], gemma["device"]) == (True, {"context_length": 8192}, {"gpu_layers": 20})
    assert (mine["model_id"], mine["alias"], mine["chat_template_name"]) == ("/models/a.gguf", ["mine"], "chatml")
    assert mine["context"] == {"context_length": 4096, "slots": 2}
    told = "\n".join(left)
    assert all(word in told for word in ("mine: --foo", "mine: --threads many", "lost: names no model"))
    assert "jinja" not in told


def test_a_config_of_mistral_rs_is_written_in_our_keys(tmp_path: Path) -> None:
    text = '[[models]]\nmodel_id = "org/a"\nquantization = { in_situ_quant = "Q4K" }\ndevice = { topology = "t" }\n'
    raw, left = imported(tmp_path, "mistralrs.toml", text)
    assert raw["models"][0]["quantization"] == {"isq": "Q4K"}
    assert any("topology" in each for each in left)


@pytest.mark.parametrize("text", ["", "hello", "[[[", "models:\n  a: 1\n", "\x00"])
@pytest.mark.parametrize("name", ["a.txt", "a.ini", "a.yaml", "a.toml", "a.json"])
def test_what_is_no_config_is_a_config_error_or_holds_nothing(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    try:
        found = import_file(tmp_path / name)
    except ConfigError:
        return
    assert not isinstance(found.raw.get("models", []), list) or found.models == []


def test_a_command_that_can_not_be_split_is_told_and_not_fatal(tmp_path: Path) -> None:
    raw, left = imported(
        tmp_path, "c.yaml", 'models:\n  a:\n    cmd: llama-server -m "x\n  b:\n    cmd: llama-server -m y\n'
    )
    assert len(raw["models"]) == 2 or left


def test_paths_are_kept_right_where_the_new_file_lies_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.gguf").touch()
    found = Imported("x", {"models": [{"model_id": "a.gguf"}, {"model_id": "org/b"}]})
    found.placed_from(tmp_path / "there", tmp_path)
    assert [each["model_id"] for each in found.models] == [str(tmp_path / "there" / "a.gguf"), "org/b"]

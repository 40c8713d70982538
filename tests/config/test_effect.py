"""What a config asks for and can't have is told: keys without effect, files that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsrv.config import LoadedSettings, load
from lsrv.config.effect.gpu_build import is_for_cpu
from lsrv.config.model import ModelSettings
from lsrv.config.table import Table
from lsrv.errors import ConfigError

# One value of each key of an entry that asks for something.
ASKED = {
    "alias": '["other"]', "display_name": '"a"', "description": '"a"', "mode": '"lazy"', "queue_timeout": '"1s"',
    "enabled": "true", "revision": '"v1"', "chat_template": '"{{ messages }}"',
    "chat_template_name": '"chatml"', "jinja_explicit": '"{{ messages }}"', "control_in_text": "true",
    "preload": "true", "pinned": "true", "priority": "1", "keep_alive": '"1m"', "max_concurrency": "1", "queue": "1",
    "response_cache": "true", "format.format": '"plain"', "format.quantized_file": '"a.gguf"', "format.mmproj": '"a"',
    "quantization.quant": '"4"', "quantization.isq": '"4"', "quantization.imatrix": '"matrix"', "device.cpu": "true",
    "device.gpu_layers": "1", "device.threads": "1", "device.threads_batch": "1", "device.main_gpu": "1",
    "device.tensor_split": "[1.0]", "device.split_mode": '"row"', "device.rpc": '["a"]',
    "context.context_length": "64", "context.slots": "1", "context.batch_size": "64", "context.ubatch_size": "64",
    "context.prefill_slowdown": "3.0", "context.cache_type_k": '"f32"', "context.cache_type_v": '"f32"',
    "context.kv": '"shared"', "context.kv_cells": "64", "context.cache_ram": "0", "context.flash_attention": '"off"',
    "context.context_shift": "true", "context.pooling": '"mean"', "context.rope_scaling": '"linear"',
    "context.rope_freq_base": "1.0", "context.rope_freq_scale": "1.0", "speculative.mode": '"lookup"',
    "speculative.draft": '"a/b"', "speculative.max_tokens": "4", "defaults.temperature": "0.5", "defaults.top_p": "0.5",
    "defaults.top_k": "5", "defaults.min_p": "0.5", "defaults.max_tokens": "5", "defaults.stop": '["a"]',
    "defaults.seed": "1", "defaults.system": '"a"', "defaults.priority": "1",
    "adapters": '[{ name = "a", source = "o/a" }]',
}  # fmt: skip
# What has an effect, by kind of entry. All else is a warning or an error; a new key has to be put somewhere.
EVERYWHERE = {"alias", "display_name", "description", "mode", "enabled", "response_cache", "defaults.priority"}
LOCAL = EVERYWHERE | {
    "queue", "queue_timeout",
    "revision", "preload", "pinned", "priority", "keep_alive", "max_concurrency", "format.format",
    "format.quantized_file", "quantization.quant", "quantization.isq", "device.cpu", "device.threads",
    "device.threads_batch", "context.context_length", "context.slots", "context.batch_size", "context.ubatch_size",
    "context.cache_type_k", "context.cache_type_v", "context.kv", "context.cache_ram", "context.flash_attention",
    "context.rope_scaling", "context.rope_freq_base", "context.rope_freq_scale", "speculative.max_tokens",
}  # fmt: skip
TEXT_DEFAULTS = {key for key in ASKED if key.startswith("defaults.")}
EFFECTIVE = {
    "text": LOCAL
    | TEXT_DEFAULTS
    | {"chat_template", "chat_template_name", "jinja_explicit", "control_in_text", "context.prefill_slowdown"}
    | {"context.context_shift", "speculative.mode", "adapters"},
    "embedding": LOCAL | {"context.pooling"},
    "rerank": LOCAL,
    "upstream": EVERYWHERE | TEXT_DEFAULTS,
}


def keys(table: type[Table] = ModelSettings, prefix: str = "") -> Iterator[str]:
    for name, field in table.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Table):
            yield from keys(inner, f"{prefix}{name}.")
        else:
            yield prefix + (field.alias or name)


@pytest.fixture(autouse=True)
def cpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "is_cpu_build", lambda: True)


Load = Callable[..., LoadedSettings]


@pytest.mark.parametrize("kind", EFFECTIVE)
def test_no_key_of_an_entry_is_passed_over_in_silence(load: Load, kind: str) -> None:
    assert set(keys()) - {"model_id", "kind", "upstream"} == ASKED.keys()
    silent = [key for key in ASKED if key not in EFFECTIVE[kind] and not _is_told(load, kind, key)]
    needless = [key for key in ASKED if key in EFFECTIVE[kind] and _is_told(load, kind, key)]
    assert (silent, needless) == ([], [])


def _is_told(load: Load, kind: str, key: str) -> bool:
    Path("matrix").touch()
    table, _, name = key.rpartition(".")
    value = f"{name} = {ASKED[key]}"
    entry = f'[[models]]\nmodel_id = "o/m"\nkind = "{kind}"\n' + (
        f"[models.{table}]\n{value}\n" if table else f"{value}\n"
    )
    if kind == "upstream":
        entry += '[models.upstream]\nbase_url = "http://localhost:1/v1"\n'
    try:
        return bool(load(entry).warnings)
    except ConfigError:
        return True


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('model_id = "a.gguf"\nformat = { format = "plain" }', "model_id names a GGUF"),
        ('model_id = "a/b"\nformat = { format = "plain", quantized_file = "a.gguf" }', 'format = "plain" takes'),
        ('model_id = "a.gguf"\nrevision = "v1"', "which has no revisions"),
        ('model_id = "a/b"\nenabled = false\npreload = true', "the entry is switched off"),
        ('model_id = "a/b"\ndevice = { cpu = true, main_gpu = 1 }', "cpu = true computes on the CPU alone"),
        ('model_id = "a/b"\nchat_template = "{{ a }}"\njinja_explicit = "{{ b }}"', "jinja_explicit wins over it"),
        ('model_id = "a/b"\nquantization = { quant = "auto", imatrix = "matrix" }', "nothing is quantized here"),
        ('model_id = "a/b"\n[server]\nresponse_cache_age = "1h"', "no entry has response_cache = true"),
        ('model_id = "a/b"\n[server]\ngpu_budget = { CUDA0 = "1GiB" }', "uses no GPU"),
        (
            'model_id = "a/b"\nadapters = [{ name = "x", source = "./x.gguf", revision = "v1" }]',
            "source is a file or folder of this machine",
        ),
    ],
)
def test_a_key_without_effect_says_why(load: Load, entry: str, told: str) -> None:
    Path("matrix").touch()
    assert [warning for warning in load(f"[[models]]\n{entry}\n").warnings if told in warning]


@pytest.mark.parametrize(
    "entry",
    [
        'model_id = "./missing.gguf"',
        'model_id = "/no/such/folder"',
        'model_id = "a/b"\nspeculative = { mode = "draft", draft = "missing.gguf" }',
        'model_id = "a/b"\nadapters = [{ name = "x", source = "missing.gguf" }]',
        'model_id = "./here"\nformat = { quantized_file = "missing.gguf" }',
    ],
)
def test_weights_that_are_not_there_are_told_where_the_config_is_checked(load: Load, entry: str) -> None:
    Path("here").mkdir()
    (warning,) = load(f"[[models]]\n{entry}\n").warnings
    assert "requests that need it will fail" in warning


@pytest.mark.parametrize("path", [".", "/", "..", "folder"])
def test_a_folder_in_place_of_a_config_is_told(load: Load, path: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(ConfigError, match=r"is a folder; name the file in it, such as .*models\.toml"):
        from lsrv.config import load_settings

        load_settings(Path(path), environ={})


def test_a_build_is_for_the_cpu_if_it_has_no_library_for_another_device() -> None:
    cpu = ["libggml-base.so.0", "libggml-cpu.so", "libggml.so", "libllama.so"]
    assert is_for_cpu(cpu)
    assert is_for_cpu(["libggml-cpu-haswell.so", "libggml-blas.so"])
    assert not is_for_cpu([*cpu, "libggml-cuda.so"])
    assert not is_for_cpu(["libggml-cpu.dylib", "libggml-metal.dylib"])
    assert not is_for_cpu(["libllama.so"]), "what can't be told warns nobody"

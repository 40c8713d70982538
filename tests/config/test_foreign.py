"""Configs of mistral.rs: what is taken, what is moved, what is ignored with one warning."""

import json

import pytest

from lsrv.config.keys import known_keys
from lsrv.config.mistralrs.foreign import IGNORED

MODEL = '[[models]]\nmodel_id = "a"\n'

# mistral.rs's documentation example of several models, as it stands there.
MULTI_TOML = """command = "serve"
default_model_id = "Qwen/Qwen3-4B"

[server]
host = "0.0.0.0"
port = 1234

[[models]]
model_id = "Qwen/Qwen3-4B"

[models.quantization]
quant = "4"

[[models]]
model_id = "google/gemma-4-E4B-it"

[models.quantization]
quant = "4"
"""

MULTI_JSON = """{
  "llama3-3b": {
    "alias": "llama3-3b",
    "Plain": { "model_id": "meta-llama/Llama-3.2-3B-Instruct" }
  },
  "qwen3-4b": {
    "alias": "qwen3-4b",
    "Plain": { "model_id": "Qwen/Qwen3-4B" },
    "in_situ_quant": "Q4K"
  },
  "vision-model": {
    "VisionPlain": { "model_id": "google/gemma-3-4b-it" }
  },
  "llama-gguf": {
    "GGUF": {
      "tok_model_id": "meta-llama/Llama-3.2-3B-Instruct",
      "quantized_model_id": "bartowski/Llama-3.2-3B-Instruct-GGUF",
      "quantized_filename": "Llama-3.2-3B-Instruct-Q4_K_M.gguf"
    }
  }
}
"""


def test_the_toml_of_the_documentation_loads_as_it_is(load):
    loaded = load(MULTI_TOML)
    assert loaded.warnings == []
    assert [str(model.quantization.quant) for model in loaded.settings.models] == ["4", "4"]


def test_the_json_of_the_documentation_loads_as_it_is(load):
    models = load(MULTI_JSON, name="m.json").settings.models
    assert [model.listed_id for model in models] == [
        "llama3-3b",
        "qwen3-4b",
        "google/gemma-3-4b-it",
        "bartowski/Llama-3.2-3B-Instruct-GGUF",
    ]
    assert str(models[1].quantization.quant) == "Q4K"
    assert models[3].format.quantized_file == ("Llama-3.2-3B-Instruct-Q4_K_M.gguf",)


def test_labels_of_the_json_form_are_no_names(load):
    names = [name for model in load(MULTI_JSON, name="m.json").settings.models for name in model.names]
    assert "vision-model" not in names


def test_what_the_json_form_means_differently_is_told_once_each(load):
    assert [warning.split(": ")[:2] for warning in load(MULTI_JSON, name="m.json").warnings] == [
        ["m.json:9", "qwen3-4b.in_situ_quant"],
        ["m.json:16", 'models["bartowski/Llama-3.2-3B-Instruct-GGUF"].format.tok_model_id'],
    ]


@pytest.mark.parametrize("key", ["model_id", "model"])
def test_the_json_array_form_is_read(load, key):
    loaded = load(json.dumps([{key: "a", "alias": ["x"]}, {"Plain": {"model_id": "b"}}]), name="m.json")
    assert [model.names for model in loaded.settings.models] == [("a", "x"), ("b",)]


def test_json_in_the_shape_of_models_toml_is_read(load):
    loaded = load('{"server": {"port": 5}, "models": [{"model_id": "a"}]}', name="m.json")
    assert loaded.settings.server.port == 5


def test_layers_of_the_json_form_go_to_the_gpu(load):
    text = '{"a": {"Plain": {"model_id": "a"}, "num_device_layers": ["0:10", "1:22"]}}'
    device = load(text, name="m.json").settings.models[0].device
    assert (device.gpu_layers, device.tensor_split) == (32, (10.0, 22.0))


def test_null_in_json_counts_as_not_written(load):
    assert load('{"a": {"Plain": {"model_id": "a", "dtype": null}}}', name="m.json").warnings == []


def test_a_json_label_without_a_model_is_named_with_its_line(error_of):
    message = error_of('{\n"port": 80,\n"a": {"Plain": {"model_id": "a"}}}', name="m.json")
    assert message.startswith('m.json:2: port: not a model; write {"Plain": {"model_id": "…"}}')


def test_a_json_key_written_twice_is_refused(error_of):
    text = '{"a": {"Plain": {"model_id": "a"}},\n"a": {"Plain": {"model_id": "b"}}}'
    assert error_of(text, name="m.json") == "m.json:2: a: written twice in its table or object; keep one"


def test_an_unknown_key_of_a_json_body_has_its_line(error_of):
    text = '{"a": {"Plain": {\n"model_id": "a",\n "kv_head": 3}}}'
    assert error_of(text, name="m.json").startswith('m.json:3: models["a"].kv_head: unknown key')


@pytest.mark.parametrize("key", IGNORED)
def test_a_foreign_key_is_ignored_with_one_warning(load, key):
    table, _, name = key.rpartition(".")
    head = MODEL + (f"[{table}]\n" if table not in ("", "models") else "")
    value = "{ mode = 'auto' }" if key in ("paged_attn", "sandbox", "models.multimodal") else "1"
    text = f"{name} = {value}\n{head}" if not table else f"{head}{name} = {value}\n"
    if key == "adapter":
        text = f"adapter = 'x'\n{MODEL}"
    (warning,) = load(text).warnings
    assert f"{name}: ignored: " in warning


def test_no_foreign_key_shadows_one_of_ours():
    assert not {tuple(key.split(".")) for key in IGNORED} & known_keys().keys()


def test_max_seqs_becomes_the_slots_of_models_that_set_none(load):
    text = "[runtime]\nmax_seqs = 8\n" + MODEL + "[[models]]\nmodel_id = 'b'\ncontext = {slots = 2}\n"
    loaded = load(text)
    assert [model.context.slots for model in loaded.settings.models] == [8, 2]
    assert loaded.warnings == ["models.toml:2: runtime.max_seqs: used as context.slots of every model that sets none"]


def test_max_seq_len_becomes_the_context_length(load):
    loaded = load(MODEL + "[models.device]\nmax_seq_len = 4096\n")
    assert loaded.settings.models[0].context.context_length == 4096


def test_an_error_in_a_moved_value_has_the_line_it_was_written_on(error_of):
    message = error_of(MODEL + "[models.device]\nmax_seq_len = 'long'\n")
    assert message.startswith('models.toml:4: models["a"].context.context_length: "long"')


def test_device_layers_of_another_form_are_refused(error_of):
    message = error_of(MODEL + "[models.device]\ndevice_layers = ['gpu']\n")
    assert 'device.device_layers: not of the form ["0:10", "1:22"]; write gpu_layers' in message


def test_isq_is_known_by_both_names(load, error_of):
    for name in ("isq", "in_situ_quant"):
        assert load(MODEL + f'[models.quantization]\n{name} = "4"\n').settings.models[0].quantization.isq.text == "4"
    assert "isq makes one quantization" in error_of(MODEL + '[models.quantization]\nisq = "auto"\n')


def test_an_unknown_key_of_runtime_is_an_error(error_of):
    assert "runtime: unknown key" in error_of("[runtime]\nnope = 1\n" + MODEL)


def test_loras_become_adapters(load):
    head = MODEL + "[models.adapter]\nenable_lora = true\n"
    loaded = load(head + "lora = [{alias = 'p', source = 'o/n', revision = 'v1'}, {alias = 'q', source = 'q.gguf'}]\n")
    adapters = loaded.settings.models[0].adapters
    assert [(each.name, each.source, each.revision) for each in adapters] == [
        ("p", "o/n", "v1"),
        ("q", "q.gguf", "main"),
    ]


def test_an_error_in_a_lora_has_the_line_it_was_written_on(error_of):
    message = error_of(MODEL + "[models.adapter]\nlora = [{alias = 'p', source = 3}]\n")
    assert message.startswith('models.toml:4: models["a"].adapters[0].source: not a string')


def test_x_lora_is_refused(error_of):
    message = error_of(MODEL + "[models.adapter]\nxlora = 'o/n'\n")
    assert 'models.toml:4: models["a"].adapter.xlora: llama.cpp has no X-LoRA' in message


@pytest.mark.parametrize(
    "body, said",
    [
        ("GGML", "llama.cpp reads GGUF"),
        ("LoraGGML", "llama.cpp reads GGUF"),
        ("XLoraGGML", "llama.cpp reads GGUF"),
        ("Lora", "[[models.adapters]]"),
        ("LoraGGUF", "[[models.adapters]]"),
        ("XLora", "no X-LoRA"),
        ("XLoraGGUF", "no X-LoRA"),
        ("DiffusionPlain", "makes no images"),
        ("Speech", "no speech"),
        ("Toml", "lsrv from-config -f FILE"),
    ],
)
def test_bodies_that_lsrv_can_not_serve_are_refused_by_name_and_nothing_else_is_said_of_them(error_of, body, said):
    message = error_of(json.dumps({"a": {"Plain": {"model_id": "m"}}, "x": {body: {"model_id": "b"}}}), name="m.json")
    assert message.count("\n") == 0 and f"x.{body}: not served here" in message and said in message

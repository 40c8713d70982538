"""The settings as values, the schema, and what loading costs."""

import subprocess
import sys
from pathlib import Path

import pydantic
import pytest

from lsrv.config import json_schema, load_settings, read_template, settings_for_models
from lsrv.config.keys import Key, known_keys
from lsrv.config.not_yet import NOT_YET
from lsrv.errors import ConfigError
from tests.config import reference

MODEL = '[[models]]\nmodel_id = "a"\n'
ROOT = Path(__file__).parents[2]


def test_every_key_that_works_is_read(load):
    loaded = load((ROOT / "models.toml").read_text())
    assert loaded.warnings == []
    assert loaded.settings.models[0].model_id == "lsrv-demo"


def test_the_example_shows_every_key_that_works():
    text = (ROOT / "models.toml").read_text()
    hidden = {entry.key for entry in NOT_YET} - {"models.kind", "models.format.format", "models.quantization.quant"}
    shown = [
        key for key in known_keys().values() if key.table is None and not any(_is_in(key, each) for each in hidden)
    ]
    assert [str(key) for key in shown if f"{key.path[-1]} = " not in text] == []


def _is_in(key: Key, table: str) -> bool:
    return f"{key}.".startswith(f"{table}.")


def test_the_example_is_right_with_every_key_in_it_tried(load):
    lines = (ROOT / "models.toml").read_text().split("\n")
    tried = [line.removeprefix("#") if not line.startswith("# ") else line for line in lines]
    Path("template.jinja").write_text("{{ messages }}")
    Path("more.toml").touch()
    warnings = load("\n".join(tried), environ={"MY_KEYS": "a-key-of-the-example"}).warnings
    told = ("has no effect", "no such file")  # all keys at once are more than one entry can mean
    assert [warning for warning in warnings if not any(each in warning for each in told)] == []


def test_an_alias_may_be_one_string_or_a_list(load):
    loaded = load('[[models]]\nmodel_id = "a"\nalias = "x"\n[[models]]\nmodel_id = "b"\nalias = ["y", "z"]\n')
    assert [model.listed_id for model in loaded.settings.models] == ["x", "y"]


def test_a_model_without_alias_is_listed_by_its_id(load):
    assert load(MODEL).settings.models[0].listed_id == "a"


def test_the_default_may_be_an_alias(load):
    assert load('default_model_id = "x"\n' + MODEL + 'alias = "x"\n').settings.default_model_id == "x"


def test_settings_can_not_be_changed(load):
    with pytest.raises(pydantic.ValidationError):
        load(MODEL).settings.server.port = 1


def test_keys_stay_out_of_the_representation(load):
    settings = load('[server]\napi_keys = ["hidden"]\n[global]\ntoken_source = "literal:hidden"\n' + MODEL).settings
    assert "hidden" not in repr(settings)


def test_files_joined_with_semicolons_are_a_list(load):
    (model,) = load(MODEL + '[models.format]\nquantized_file = "a.gguf; b.gguf"\n').settings.models
    assert model.format.quantized_file == ("a.gguf", "b.gguf")


def test_flash_attention_may_be_written_as_a_boolean(load):
    assert (
        load(MODEL + "[models.context]\nflash_attention = false\n").settings.models[0].context.flash_attention == "off"
    )


@pytest.mark.parametrize("entry", NOT_YET, ids=lambda entry: entry.key)
def test_every_key_that_is_not_there_yet_is_a_key_of_the_schema(entry):
    assert tuple(entry.key.split(".")) in known_keys()


@pytest.mark.parametrize(
    "text",
    [MODEL + "[models.speculative]\nmode = 'off'\n", MODEL + "[models.context]\ncontext_shift = false\n",
     "command = 'serve'\nroutes = []\n" + MODEL],
)  # fmt: skip
def test_a_key_that_is_not_there_yet_is_taken_where_it_changes_nothing(load, text):
    assert load(text).warnings == []


def test_a_template_is_read_from_its_file(tmp_path):
    (tmp_path / "t.jinja").write_text("{{ messages }}")
    assert read_template(str(tmp_path / "t.jinja")) == "{{ messages }}"


def test_a_template_is_read_from_a_tokenizer_config(tmp_path):
    (tmp_path / "t.json").write_text('{"chat_template": "{{ x }}"}')
    assert read_template(str(tmp_path / "t.json")) == "{{ x }}"


def test_a_template_may_stand_in_the_config_itself(load):
    assert load(MODEL + "chat_template = '{{ x }}'\n").settings.models[0].chat_template == "{{ x }}"


def test_a_tokenizer_config_without_a_template_is_refused(tmp_path):
    (tmp_path / "t.json").write_text("[]")
    with pytest.raises(ConfigError, match='holds no text "chat_template"'):
        read_template(str(tmp_path / "t.json"))


def test_the_schema_has_the_names_of_the_toml():
    schema = json_schema()
    server = schema["$defs"]["ServerSettings"]["properties"]
    assert "keep_alive" in server
    assert "keep_alive_s" not in server
    assert "global" in schema["properties"]


def test_the_schema_says_what_is_not_there_yet():
    rpc = json_schema()["$defs"]["DeviceSettings"]["properties"]["rpc"]["description"]
    assert "Not in this version yet: " in rpc


def test_the_reference_is_that_of_the_code():
    assert reference.tables() in reference.PATH.read_text(), "refresh it: python -m tests.config.reference"


def test_loading_imports_nothing_heavy():
    code = (
        "import sys; from lsrv.config import settings_for_models; from lsrv.frontdoor import WeightsSpec, resolve\n"
        "settings_for_models([{'model_id': 'lsrv-demo'}]); resolve(WeightsSpec(model_id='lsrv-demo'))\n"
        "print([name for name in ('numpy', 'llama_cpp', 'gguf', 'httpx2', 'litestar') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_an_entry_of_flags_takes_the_layers_below():
    assert (
        settings_for_models([{"model_id": "a"}], environ={"LSRV_KEEP_ALIVE": "0"}).settings.models[0].keep_alive_s == 0
    )


@pytest.mark.parametrize(
    "mode, enabled, preload", [("off", False, False), ("lazy", True, False), ("eager", True, True)]
)
def test_mode_is_one_word_for_enabled_and_preload(load, mode, enabled, preload):
    model = load(f'[[models]]\nmodel_id = "a"\nmode = "{mode}"\n').settings.models[0]
    assert (model.enabled, model.preload) == (enabled, preload)


@pytest.mark.parametrize(
    "mode, other", [("off", "enabled = true"), ("lazy", "preload = true"), ("eager", "preload = false")]
)
def test_a_mode_that_another_key_contradicts_is_refused_with_both(error_of, mode, other):
    message = error_of(f'[[models]]\nmodel_id = "a"\nmode = "{mode}"\n{other}\n')
    assert f'mode = "{mode}" and {other} contradict each other; keep one' in message


@pytest.mark.parametrize(
    "named, model_id, quant", [("org/M:Q5_K_M", "org/M", "Q5_K_M"), ("lsrv-demo", "lsrv-demo", None)]
)
def test_a_variable_names_one_model_in_place_of_a_file_that_nobody_named(load, named, model_id, quant):
    load(MODEL)  # a models.toml lies in this folder
    loaded = load_settings(environ={"LSRV_MODEL": named, "LSRV_PORT": "0"})
    (model,) = loaded.settings.models
    assert (model.model_id, str(model.quantization.quant or "") or None) == (model_id, quant)
    assert (loaded.settings.server.port, loaded.settings.source, loaded.warnings) == (0, None, [])
    assert load(MODEL, environ={"LSRV_MODEL": named}).settings.models[0].model_id == "a"

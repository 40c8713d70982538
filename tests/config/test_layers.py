"""Layers and their precedence: defaults < catalog < file < models.local.toml < environment < flags."""

from pathlib import Path

import pytest

from lsrv import demo
from lsrv.config import load_settings, settings_for_models
from lsrv.config.layer import ConfigPlace, Layer, merge
from lsrv.errors import ConfigError

MODEL = '[[models]]\nmodel_id = "a"\n'
LAYERS = ("file", "local", "environment", "flags")


def _load_with(load, layers: set[str]) -> int:
    """The port where each of `layers` sets its own."""
    if "local" in layers:
        Path("models.local.toml").write_text("[server]\nport = 2\n")
    environ = {"LSRV_PORT": "3"} if "environment" in layers else {}
    overrides = {"server": {"port": 4 if "flags" in layers else None}}
    text = ("[server]\nport = 1\n" if "file" in layers else "") + MODEL
    return load(text, environ=environ, overrides=overrides).settings.server.port


@pytest.mark.parametrize("highest", range(5))
def test_the_highest_layer_wins(load, highest):
    assert _load_with(load, set(LAYERS[:highest])) == (1234, 1, 2, 3, 4)[highest]


@pytest.mark.parametrize("only", range(4))
def test_a_layer_alone_beats_the_built_in_default(load, only):
    assert _load_with(load, {LAYERS[only]}) == only + 1


def test_an_entry_of_the_file_goes_over_the_catalog(load):
    Path("team.toml").write_text('[[models]]\nmodel_id = "a"\nqueue = 1\npreload = true\n[[models]]\nmodel_id = "z"\n')
    loaded = load(
        '[server]\ncatalog = "team.toml"\n[[models]]\nmodel_id = "b"\n[[models]]\nmodel_id = "a"\nqueue = 2\n'
    )
    assert [(model.model_id, model.queue) for model in loaded.settings.models] == [("a", 2), ("z", 64), ("b", 64)]
    assert loaded.settings.models[0].preload
    assert [path.name for path in loaded.files] == ["team.toml", "models.toml"]


def test_a_catalog_holds_entries_only(error_of):
    Path("team.toml").write_text("[server]\nport = 1\n" + MODEL)
    message = error_of('[server]\ncatalog = ["team.toml"]\n')
    assert message.endswith("/team.toml:1: server: a catalog holds [[models]] only; move it to models.toml")


def test_a_local_entry_merges_by_alias_and_keeps_the_id(load):
    Path("models.local.toml").write_text('[[models]]\nmodel_id = "small"\nqueue = 5\n')
    (model,) = load('[[models]]\nmodel_id = "org/big-name"\nalias = "small"\n').settings.models
    assert (model.model_id, model.queue) == ("org/big-name", 5)


def test_a_local_entry_with_the_same_alias_swaps_the_weights(load):
    Path("models.local.toml").write_text('[[models]]\nmodel_id = "./mine.gguf"\nalias = "small"\n')
    (model,) = load('[[models]]\nmodel_id = "org/name"\nalias = "small"\n').settings.models
    assert model.model_id == "./mine.gguf"


def test_tables_of_an_entry_merge_key_by_key(load):
    Path("models.local.toml").write_text(MODEL + "[models.context]\nslots = 2\n")
    (model,) = load(MODEL + "[models.context]\nslots = 1\ncontext_length = 512\n").settings.models
    assert (model.context.slots, model.context.context_length) == (2, 512)


def test_an_error_names_the_layer_that_wrote_the_value(error_of):
    Path("models.local.toml").write_text("\n[server]\nport = 'x'\n")
    assert error_of("[server]\nport = 1\n" + MODEL).startswith("models.local.toml:3: server.port: ")


def test_an_error_in_a_replaced_list_names_the_layer_that_replaced_it(error_of):
    text = '[server]\ncors_origins = [\n"http://a"\n]\n' + MODEL
    assert error_of(text, environ={"LSRV_CORS_ORIGINS": "x"}).startswith("LSRV_CORS_ORIGINS: server.cors_origins: ")


def test_an_error_in_a_flag_names_the_command_line(error_of):
    message = error_of(MODEL, overrides={"server": {"port": 99999}})
    assert message == "command line: server.port: 99999 is too large; at most 65535"


def test_the_places_of_appended_entries_follow_them(error_of):
    Path("models.local.toml").write_text('[[models]]\nmodel_id = "b"\nqueue = -1\n')
    assert error_of(MODEL) == 'models.local.toml:3: models["b"].queue: -1 is too small; at least 0'


@pytest.mark.parametrize(("name", "text"), [("LSRV_SERVER__KEEP_ALIVE", "1h"), ("LSRV_KEEP_ALIVE", "3600")])
def test_long_and_short_variables_name_the_same_key(load, name, text):
    loaded = load(MODEL, environ={name: text})
    assert loaded.settings.server.keep_alive_s == 3600
    assert loaded.settings.models[0].keep_alive_s == 3600


def test_the_long_variable_wins(load):
    assert load(MODEL, environ={"LSRV_PORT": "1", "LSRV_SERVER__PORT": "2"}).settings.server.port == 2


def test_lists_in_variables_are_separated_by_commas(load):
    loaded = load(MODEL, environ={"LSRV_API_KEYS": "one, two", "LSRV_ADMIN_KEYS": "three"})
    assert loaded.settings.server.api_keys == ("one", "two")
    assert loaded.settings.server.admin_keys == ("three",)


def test_an_empty_variable_counts_as_unset(load):
    assert load(MODEL, environ={"LSRV_PORT": ""}).settings.server.port == 1234


def test_a_bad_variable_is_named(error_of):
    message = error_of(MODEL, environ={"LSRV_NO_UI": "perhaps"})
    assert message == 'LSRV_NO_UI: server.no_ui: "perhaps" is not true or false; write one of them without quotes'


def test_an_unknown_variable_is_a_warning_with_the_nearest_name(load):
    assert load(MODEL, environ={"LSRV_PROT": "1"}).warnings == ["LSRV_PROT: names no setting; did you mean LSRV_PORT?"]


@pytest.mark.parametrize("environ", [{"HF_HUB_OFFLINE": "1"}, {"AUTO_DOWNLOAD_MODELS": "0"}, {"LSRV_OFFLINE": "true"}])
def test_offline_can_be_said_in_three_ways(load, environ):
    assert load(MODEL, environ=environ).settings.global_.offline


def test_lsrv_offline_wins_over_hugging_faces_variable(load):
    assert not load(MODEL, environ={"HF_HUB_OFFLINE": "1", "LSRV_OFFLINE": "0"}).settings.global_.offline


def test_keys_of_the_variable_join_those_of_the_file(load):
    text = '[server]\napi_keys = ["one"]\napi_keys_env = "MY_KEYS"\n' + MODEL
    assert load(text, environ={"MY_KEYS": "two,one"}).settings.server.api_keys == ("one", "two")


def test_models_keeps_the_named_entries_in_config_order(load):
    text = MODEL + '[[models]]\nmodel_id = "b"\n[[models]]\nmodel_id = "org/c"\nalias = "c"\n'
    loaded = load(text, environ={"MODELS": "c, a"})
    assert [model.listed_id for model in loaded.settings.models] == ["a", "c"]


def test_models_with_an_unknown_name_lists_the_known_ones(error_of):
    assert error_of(MODEL, environ={"MODELS": "a,x"}) == 'MODELS: "x" names no model; write some of a'


def test_models_that_leaves_out_the_default_says_so(load):
    loaded = load('default_model_id = "a"\n' + MODEL + '[[models]]\nmodel_id = "b"\n', environ={"MODELS": "b"})
    assert loaded.settings.default_model_id is None
    assert loaded.warnings == ['MODELS: leaves out the default "a"; the first entry is the default now']


ROUTES = """default_model_id = "r"
[[models]]
model_id = "a"
[[models]]
model_id = "b"
adapters = [{ name = "x", source = "x.gguf" }]
[[models]]
model_id = "c"
[[routes]]
model_id = "r"
split = [{ model = "a" }, { model = "b:x" }]
[[routes]]
model_id = "s"
split = [{ model = "a" }]
fallback = "c"
[[routes]]
model_id = "t"
split = [{ model = "a" }]
"""


def test_models_that_leaves_out_what_a_route_needs_leaves_out_the_route(load):
    loaded = load(ROUTES, environ={"MODELS": "a,c"})
    assert [route.model_id for route in loaded.settings.routes] == ["s", "t"]
    assert loaded.settings.default_model_id is None
    assert loaded.warnings == [
        'MODELS: leaves out models of the route "r", which is not served',
        'MODELS: leaves out the default "r"; the first entry is the default now',
    ]


def test_models_keeps_the_lines_of_the_routes_that_stay(error_of):
    text = ROUTES.replace('fallback = "c"', 'fallback = "nobody"')
    assert error_of(text, environ={"MODELS": "a,c"}).startswith('models.toml:15: routes["s"].fallback: "nobody" names')


def test_a_route_may_be_the_default(load):
    assert load(ROUTES).settings.default_model_id == "r"


def test_errors_of_chosen_entries_keep_their_lines(error_of):
    text = MODEL + '[[models]]\nmodel_id = "b"\nqueue = -1\n'
    assert error_of(text, environ={"MODELS": "b"}).startswith('models.toml:5: models["b"].queue: ')


def test_keep_alive_of_an_entry_wins_over_the_servers(load):
    loaded = load('[server]\nkeep_alive = "5m"\n' + MODEL + 'keep_alive = "-1"\n[[models]]\nmodel_id = "b"\n')
    assert [model.keep_alive_s for model in loaded.settings.models] == [float("inf"), 300]


def test_paths_start_beside_the_file_that_names_them(load, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/t.jinja").write_text("{{ x }}")
    (tmp_path / "sub/models.local.toml").write_text('[[models]]\nmodel_id = "m.gguf"\nchat_template = "t.jinja"\n')
    (model,) = load('[[models]]\nmodel_id = "m.gguf"\n', name="sub/models.toml").settings.models
    assert model.folder == tmp_path / "sub"
    assert model.chat_template == str(tmp_path / "sub/t.jinja")


def test_a_path_keeps_its_folder_where_a_higher_layer_only_repeats_it(load, tmp_path):
    (tmp_path / "team").mkdir()
    (tmp_path / "team/models.toml").write_text('[[models]]\nmodel_id = "m.gguf"\n')
    (model,) = load('[server]\ncatalog = "team/models.toml"\n[[models]]\nmodel_id = "m.gguf"\n').settings.models
    assert model.folder == tmp_path / "team"


def test_without_any_file_the_built_in_demo_is_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    loaded = load_settings(environ={})
    assert loaded.settings.source == demo.CONFIG_PATH
    names = [(demo.MODEL_ID, "demo"), ("demo-8",), ("lsrv-demo-embed", "demo-embed"), ("demo-rerank",)]
    assert [model.names for model in loaded.settings.models] == names


def test_the_users_config_folder_comes_before_the_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "lsrv").mkdir()
    (tmp_path / "lsrv/models.toml").write_text(MODEL)
    assert load_settings(environ={}).settings.models[0].model_id == "a"


def test_entries_given_as_flags_need_no_file():
    loaded = settings_for_models([{"model_id": "x.gguf", "quantization": {"quant": "4"}}], environ={"LSRV_PORT": "9"})
    assert (loaded.settings.source, loaded.settings.server.port) == (None, 9)
    assert loaded.settings.models[0].folder == Path.cwd()


def test_entries_given_as_flags_are_checked_like_all_others():
    with pytest.raises(ConfigError, match=r'command line: models\["x"\].quantization.quant: "nope"'):
        settings_for_models([{"model_id": "x", "quantization": {"quant": "nope"}}], environ={})


@pytest.mark.parametrize("name", ["MODELS", "LSRV_DEFAULT_MODEL_ID", "LSRV_CATALOG", "LSRV_SERVER__CATALOG"])
def test_what_the_environment_says_of_a_files_entries_does_not_reach_entries_given_as_flags(name, tmp_path):
    (tmp_path / "other.toml").write_text('[[models]]\nmodel_id = "other"\n')
    value = str(tmp_path / "other.toml") if "CATALOG" in name else "other"
    loaded = settings_for_models([{"model_id": "mine"}], environ={name: value})
    assert [model.model_id for model in loaded.settings.models] == ["mine"]
    assert loaded.settings.default_model_id is None
    assert loaded.warnings == [f"{name}: is about a config file's entries; ignored"]


def test_merging_changes_neither_layer():
    below = Layer({"models": [{"model_id": "a", "context": {"slots": 1}}]}, ConfigPlace("below"))
    above = Layer({"models": [{"model_id": "a", "context": {"slots": 2}}]}, ConfigPlace("above"))
    merge(below, above)
    assert below.models() == [{"model_id": "a", "context": {"slots": 1}}]
    assert above.models() == [{"model_id": "a", "context": {"slots": 2}}]


def test_adapters_lie_beside_the_file_that_names_them(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "models.toml").write_text(
        "[server]\nadapter_folder = 'hot'\n[[models]]\nmodel_id = 'm'\nadapters = [{name = 'p', source = 'p.gguf'}]\n"
    )
    settings = load_settings(tmp_path / "a" / "models.toml", environ={}).settings
    assert settings.models[0].adapters[0].folder == tmp_path / "a"
    assert settings.server.adapter_folder == str(tmp_path / "a" / "hot")


def test_one_model_may_stand_in_several_entries_each_with_its_quant(load):
    entry = "[[models]]\nmodel_id = 'o/m'\nalias = '{0}'\nquantization = {{ quant = '{1}' }}\n"
    models = load(entry.format("small", "4") + entry.format("good", "8")).settings.models
    assert [(model.names, model.weights_id) for model in models] == [(("o/m", "small"), "o/m"), (("good",), "o/m")]

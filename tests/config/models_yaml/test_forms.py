"""models.yaml in the forms that two other servers have, and in ours."""

import pytest

LISTED = """default_model: here/Model

models:
  - id: here/Model
    type: local
  - id: far/Model
    type: remote
    base_url: http://node:8000
"""
CATALOG = """models:
  - {hf_repo_id: org/vectors, handler: app.models.embedding.HFEmbeddingModel, pooling: last}
  - name: chat
    hf_repo_id: org/Chat
    handler: app.models.text_chat.TextChatModel
    defaults: {temperature: 0.7, max_tokens: 512}
  - {hf_repo_id: org/See, handler: app.models.vision.QwenVLChat}
  - {hf_repo_id: org/hear, handler: app.models.asr.WhisperASR}
  - {name: gpt, hf_repo_id: gpt-4o, handler: app.models.openai_proxy.OpenAIChatProxyModel, skip_download: true}
"""


@pytest.fixture
def load_yaml(load):
    def load_text(text, name="models.yaml", **options):
        return load(text, name=name, **options)

    return load_text


def test_a_list_of_models_here_and_elsewhere_becomes_entries_and_upstreams(load_yaml):
    settings = load_yaml(LISTED).settings
    here, far = settings.models
    assert (settings.default_model_id, here.model_id, here.kind) == ("here/Model", "here/Model", "auto")
    assert (far.model_id, far.kind, far.upstream.base_url) == ("far/Model", "upstream", "http://node:8000/v1")


def test_a_catalog_of_handlers_becomes_entries_of_the_kind_that_its_classes_serve(load_yaml):
    vectors, chat, see, gpt = load_yaml(CATALOG).settings.models
    assert (vectors.kind, vectors.context.pooling) == ("embedding", "last")
    assert (chat.names, chat.kind, chat.defaults.max_tokens) == (("org/Chat", "chat"), "text", 512)
    assert see.model_id == "org/See"
    assert (gpt.names, gpt.upstream.model) == (("gpt",), "gpt-4o")
    assert (gpt.upstream.base_url, gpt.upstream.api_key_env) == ("https://api.openai.com/v1", "OPENAI_API_KEY")


def test_what_a_catalog_holds_and_lsrv_does_not_serve_is_told_once_for_all_such_entries(load_yaml):
    warnings = load_yaml(CATALOG).warnings
    assert [line for line in warnings if "org/hear" in line and "no speech" in line]
    assert len(warnings) == 1


def test_a_proxy_takes_its_address_key_silence_and_headers_from_the_catalog(load_yaml):
    gpt = load_yaml(
        "models:\n  - {name: gpt, hf_repo_id: theirs, handler: a.Proxy, upstream_base_url: 'http://n:1',"
        " upstream_api_key_env: KEY, upstream_timeout_sec: 5, upstream_headers: {x-team: a}}\n"
    ).settings.models[0]
    upstream = gpt.upstream
    assert (upstream.base_url, upstream.api_key_env, upstream.timeout_s) == ("http://n:1/v1", "KEY", 5.0)
    assert upstream.headers == {"x-team": "a"}


def test_a_local_overlay_goes_over_the_entry_of_its_name_first_and_is_merged_deeply(load_yaml, tmp_path):
    (tmp_path / "models.local.yaml").write_text(
        "models:\n  - {name: b, hf_repo_id: org/Chat, defaults: {top_p: 0.5}}\n"
        "  - {hf_repo_id: org/new, handler: a.TextChatModel}\n"
    )
    entry = "  - {{name: {}, hf_repo_id: org/Chat, handler: a.TextChatModel, defaults: {{temperature: 0.25}}}}\n"
    a, b, new = load_yaml("models:\n" + entry.format("a") + entry.format("b")).settings.models
    assert (a.defaults.top_p, b.defaults.top_p, b.defaults.temperature) == (None, 0.5, 0.25)
    assert (b.listed_id, new.model_id) == ("b", "org/new")


def test_an_overlay_of_yaml_lies_over_a_models_toml_too(load, tmp_path):
    (tmp_path / "models.local.yaml").write_text("models:\n  - {model_id: a, keep_alive: 5m}\n")
    assert load('[[models]]\nmodel_id = "a"\n').settings.models[0].keep_alive_s == 300.0


def test_our_own_keys_may_be_written_in_yaml(load_yaml):
    settings = load_yaml("server: {port: 8080}\nmodels:\n  - model_id: a\n    context: {slots: 3}\n").settings
    assert (settings.server.port, settings.models[0].context.slots) == (8080, 3)


def test_a_yaml_file_may_be_a_catalog(load, tmp_path):
    (tmp_path / "more.yaml").write_text("models:\n  - {hf_repo_id: org/Chat, handler: a.TextChatModel}\n")
    models = load('[server]\ncatalog = "more.yaml"\n[[models]]\nmodel_id = "a"\n').settings.models
    assert [model.model_id for model in models] == ["org/Chat", "a"]


@pytest.mark.parametrize(
    "entry, line",
    [
        ("{id: a, type: remote}", "models.yaml:2: models[0]: a remote model needs base_url"),
        ("{id: a, type: far}", 'models.yaml:2: models[0].type: "far" is not possible; write local or remote'),
        ("{id: a, type: local, base_url: 'http://n'}", "a local model has no base_url"),
        ("{hf_repo_id: a}", "models.yaml:2: models[0]: handler is missing; add it"),
        ("{name: a, handler: a.TextChatModel}", "models[0]: hf_repo_id is missing; add it"),
        ("{hf_repo_id: a, handler: my.Own}", "models[0].handler: my.Own is a class of Python, and lsrv runs none"),
        ("{model_id: a, contxt: 1}", 'models["a"].contxt: unknown key; did you mean "context"?'),
        ("{id: a, keep_alive: soon}", 'models["a"].keep_alive: "soon" is not a duration'),
        ("just a text", "models[0]: not a table"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_with_its_line(error_of, entry, line):
    assert line in error_of(f"models:\n  - {entry}\n", name="models.yaml")


def test_a_models_yaml_that_nobody_named_is_passed_over_with_a_word(load, tmp_path, monkeypatch):
    from lsrv.config import load_settings

    (tmp_path / "models.yaml").write_text(LISTED)
    monkeypatch.chdir(tmp_path)
    warnings = load_settings(environ={}).warnings
    assert [line for line in warnings if line.startswith("models.yaml: is not read; name it with -f models.yaml")]

"""A models.yaml as people have it starts a server that answers: from a Hub, and from another server."""

from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.upstream_server import UpstreamServer

LISTED = """default_model: org/Here
models:
  - {{id: org/Here, type: local}}
  - {{id: org/Far, type: remote, base_url: "{far}"}}
"""
CATALOG = """models:
  - hf_repo_id: org/Here
    handler: app.models.text_chat.TextChatModel
    notes: small and quick
    defaults: {{temperature: 0.7, top_p: 0.9, max_tokens: 5}}
  - {{hf_repo_id: openai/whisper-tiny, handler: app.models.asr.WhisperASR}}
  - name: org/Far
    hf_repo_id: gpt-4o
    handler: app.models.openai_proxy.OpenAIChatProxyModel
    upstream_base_url: "{far}"
    skip_download: true
"""


@pytest.fixture
def serve(hub_server, tmp_path, monkeypatch):
    """Serves the text as a models.yaml beside a Hub that holds a GGUF of org/Here."""
    started = []

    def start(text):
        for name, value in hub_server.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        hub_server.add_repo("org/Here", {"here-F16.gguf": Path("tests/models/stories260K.gguf")})
        path = tmp_path / "models.yaml"
        path.write_text(text)
        started.append(RunningServer(str(path), {}))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.mark.parametrize("text", [LISTED, CATALOG], ids=["list", "catalog"])
def test_a_models_yaml_serves_models_of_the_hub_and_of_other_servers(serve, text):
    with UpstreamServer() as far:
        client = serve(text.format(far=far.base_url("good"))).openai()
        assert [model.id for model in client.models.list()] == ["default", "org/Here", "org/Far"]
        limit = {"max_tokens": 5} if text is LISTED else {}  # the catalog's own default bounds the other
        assert client.completions.create(model="default", prompt="Once", **limit).usage.completion_tokens == 5
        client.chat.completions.create(model="org/Far", messages=[{"role": "user", "content": "Hi"}])
        (asked,) = far.requests_to("good")
        assert asked.body["model"] == ("org/Far" if text is LISTED else "gpt-4o")

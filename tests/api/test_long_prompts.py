"""A prompt that names no model and is too long for the default, over HTTP."""

import shutil

import pytest

STORIES = "tests/models/stories260K.gguf"


@pytest.fixture
def contexts(start_server, tmp_path):
    """The default holds 64 tokens, "mid" 512, "long" 1024; none of them is loaded."""
    models = []
    for name, n_ctx in (("short", 64), ("mid", 512), ("long", 1024)):
        path = tmp_path / f"{name}.gguf"
        shutil.copyfile(STORIES, path)
        models.append({"model_id": str(path), "alias": (name,), "context": {"context_length": n_ctx, "slots": 1}})
    return start_server(models=models)


def test_it_goes_to_the_longest_context_though_nobody_has_loaded_it(contexts):
    prompt = "word " * 100
    answer = contexts.http.post("/v1/completions", json={"prompt": prompt, "max_tokens": 2})
    assert (answer.status_code, answer.json()["model"]) == (200, "long")
    refused = contexts.http.post("/v1/completions", json={"model": "short", "prompt": prompt, "max_tokens": 2})
    message = refused.json()["error"]["message"]
    assert message.startswith("This model's maximum context length is 64 tokens.")
    n_tokens = refused.json()["error"]["n_prompt_tokens"]
    assert message.endswith(f"model 'short' cannot handle context length {n_tokens} (max: 64)")
    far_too_long = contexts.http.post("/v1/completions", json={"prompt": "word " * 1000})
    assert "model 'short' cannot handle context length" in far_too_long.json()["error"]["message"]

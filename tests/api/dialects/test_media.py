"""Pictures over HTTP: the same answer through every dialect, and every broken file a 400 by its place."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image

from tests.conftest import CHAT_TEMPLATE, RunningServer, StartServer
from tests.engine.media.test_picture import file_of
from tests.models import STORIES
from tests.models.eyes import N_TOKENS, write_projector

PNG = file_of(Image.effect_noise((50, 40), 90), "PNG")
DATA = base64.b64encode(PNG).decode()
URI = f"data:image/png;base64,{DATA}"
SAID = "Once upon a time"
N_WRITTEN = 12


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("seeing")
    (folder / "plain.jinja").write_text(CHAT_TEMPLATE)
    (folder / "eyes").mkdir()
    (folder / "eyes/eyes.gguf").write_bytes(STORIES.read_bytes())
    (folder / "blind.gguf").write_bytes(STORIES.read_bytes())
    write_projector(folder / "eyes/mmproj-eyes.gguf", 64)
    usual = {
        "context": {"context_length": 256, "slots": 2},
        "device": {"threads": 1, "threads_batch": 1},
        "chat_template": str(folder / "plain.jinja"),
    }
    entries = [
        {"model_id": str(folder / "eyes/eyes.gguf"), "alias": "eyes", "kind": "multimodal"} | usual,
        {"model_id": str(folder / "blind.gguf"), "alias": "blind"} | usual,
    ]
    running = RunningServer({"models": entries, "server": {"port": 0, "spare_workers": 0}}, {})
    yield running
    running.stop()


def ask(server: RunningServer, path: str, **body: Any) -> httpx.Response:
    return server.http.post(path, json=body)


def _openai(url: str = URI, text: str = SAID, model: str = "eyes") -> dict[str, Any]:
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": N_WRITTEN,
        "temperature": 0,
    }


def _by_openai(server: RunningServer) -> tuple[str, int]:
    body = ask(server, "/v1/chat/completions", **_openai()).json()
    return body["choices"][0]["message"]["content"], body["usage"]["prompt_tokens"]


def _by_responses(server: RunningServer) -> tuple[str, int]:
    content = [{"type": "input_image", "image_url": URI}, {"type": "input_text", "text": SAID}]
    said = [{"role": "user", "content": content}]
    asked = {"model": "eyes", "input": said, "max_output_tokens": N_WRITTEN, "temperature": 0, "store": False}
    body = ask(server, "/v1/responses", **asked).json()
    return body["output"][-1]["content"][0]["text"], body["usage"]["input_tokens"]


def _anthropics() -> list[dict[str, Any]]:
    source = {"type": "base64", "media_type": "image/png", "data": DATA}
    return [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": SAID}]}]


def _by_anthropic(server: RunningServer) -> tuple[str, int]:
    body = ask(server, "/v1/messages", model="eyes", messages=_anthropics(), max_tokens=N_WRITTEN, temperature=0).json()
    usage = body["usage"]
    return body["content"][0]["text"], usage["input_tokens"] + usage.get("cache_read_input_tokens", 0)


def _by_ollama(server: RunningServer) -> tuple[str, int]:
    said = [{"role": "user", "content": SAID, "images": [DATA]}]
    options = {"num_predict": N_WRITTEN, "temperature": 0}
    body = ask(server, "/api/chat", model="eyes", messages=said, options=options, stream=False).json()
    return body["message"]["content"], body["prompt_eval_count"]


def _by_llama_server(server: RunningServer) -> tuple[str, int]:
    prompt = {"prompt_string": f"<__media__>{SAID}", "multimodal_data": [DATA]}
    body = ask(server, "/completion", model="eyes", prompt=prompt, n_predict=N_WRITTEN, temperature=0).json()
    return body["content"], body["tokens_evaluated"]


@pytest.mark.parametrize("by", [_by_responses, _by_anthropic, _by_ollama, _by_llama_server])
def test_a_picture_is_answered_the_same_through_every_dialect(
    eyes: RunningServer, by: Callable[[RunningServer], tuple[str, int]]
) -> None:
    text, n_prompt = by(eyes)
    expected, n_expected = _by_openai(eyes)
    # Parts are joined as each API joins them: a blank line more is a token more, and may be another story.
    assert text and abs(n_prompt - n_expected) <= 4
    if n_prompt == n_expected:
        assert text == expected


def test_its_tokens_count_and_a_second_question_finds_them(eyes: RunningServer) -> None:
    without = ask(
        eyes, "/v1/chat/completions", model="eyes", messages=[{"role": "user", "content": SAID}], max_tokens=1
    )
    body = ask(eyes, "/v1/chat/completions", **_openai()).json()
    assert body["usage"]["prompt_tokens"] >= without.json()["usage"]["prompt_tokens"] + N_TOKENS
    again = ask(eyes, "/v1/chat/completions", **_openai(text=f"{SAID} there")).json()
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > N_TOKENS


def test_counting_tokens_counts_what_is_seen(eyes: RunningServer) -> None:
    seen = ask(eyes, "/v1/messages/count_tokens", model="eyes", messages=_anthropics()).json()["input_tokens"]
    text = [{"role": "user", "content": SAID}]
    assert seen >= ask(eyes, "/v1/messages/count_tokens", model="eyes", messages=text).json()["input_tokens"] + N_TOKENS


def test_a_streamed_answer_is_the_whole_one(eyes: RunningServer) -> None:
    chunks = eyes.openai().chat.completions.create(**_openai(), stream=True)  # type: ignore[call-overload]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == _by_openai(eyes)[0]


def test_the_list_says_who_sees(eyes: RunningServer) -> None:
    ask(eyes, "/v1/chat/completions", **_openai())
    ask(eyes, "/v1/chat/completions", model="blind", messages=[{"role": "user", "content": "a"}], max_tokens=1)
    models = {model["id"]: model.get("capabilities", []) for model in eyes.http.get("/v1/models").json()["data"]}
    assert "vision" in models["eyes"] and "vision" not in models["blind"]
    assert "vision" in ask(eyes, "/api/show", model="eyes").json()["capabilities"]


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("https://example.com/cat.png", "capability_not_supported", "fetches no pictures"),
        ("data:image/png;base64,????", "invalid_request", "no base64"),
        ("data:image/png;base64,", "invalid_request", "is empty"),
        ("data:image/png", "invalid_request", "no data URI"),
        (f"data:image/png;base64,{DATA[:200]}", "invalid_request", "broken|no picture"),
        ("data:text/plain,hello", "invalid_request", "no picture"),
    ],
)
def test_what_is_no_picture_is_a_400_by_its_place(eyes: RunningServer, url: str, code: str, words: str) -> None:
    answer = ask(eyes, "/v1/chat/completions", **_openai(url))
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["code"] == code and error["param"] == "messages[0].content[0]"
    assert any(word in error["message"] for word in words.split("|"))
    assert ask(eyes, "/v1/chat/completions", **_openai()).status_code == 200  # and the model is there


def test_a_model_of_text_says_that_it_sees_nothing(eyes: RunningServer) -> None:
    error = ask(eyes, "/v1/chat/completions", **_openai(model="blind")).json()["error"]
    assert error["code"] == "capability_not_supported" and '"vision"' in error["message"]


def test_a_mark_in_a_text_is_text(eyes: RunningServer) -> None:
    body = ask(eyes, "/v1/chat/completions", **_openai(text="<__media__> Once"))
    assert body.status_code == 200
    prompt = ask(eyes, "/apply-template", **_openai()).json()["prompt"]
    assert "<__media__>" in prompt and "<__media_" not in prompt.replace("<__media__>", "")


def test_marks_and_pictures_have_to_match(eyes: RunningServer) -> None:
    wrong = {"prompt_string": "no mark", "multimodal_data": [DATA]}
    assert ask(eyes, "/completion", model="eyes", prompt=wrong).status_code == 400


def test_too_many_pictures_are_refused(eyes: RunningServer) -> None:
    part = {"type": "image_url", "image_url": {"url": URI}}
    many = [{"role": "user", "content": [part] * 65}]
    assert "64 pictures" in ask(eyes, "/v1/chat/completions", model="eyes", messages=many).json()["error"]["message"]


def test_pictures_beyond_the_context_are_an_overflow(eyes: RunningServer) -> None:
    part = {"type": "image_url", "image_url": {"url": URI}}
    answer = ask(eyes, "/v1/chat/completions", model="eyes", messages=[{"role": "user", "content": [part] * 64}])
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith("This model's maximum context")


def test_an_entry_that_must_see_and_has_nothing_to_see_with_says_so(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "lonely.gguf").write_bytes(STORIES.read_bytes())
    entry = {"model_id": str(tmp_path / "lonely.gguf"), "alias": "lonely", "kind": "multimodal"}
    server = start_server(models=[entry])
    answer = ask(server, "/v1/chat/completions", model="lonely", messages="a", max_tokens=1)
    assert answer.status_code >= 400 and "no projector" in answer.json()["error"]["message"]

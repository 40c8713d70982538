"""What OpenAI's clients get who ask for sounds and images."""

from __future__ import annotations

import openai
import pytest

from tests.conftest import RunningServer


def test_a_form_with_a_sound_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF" * 50_000))
    assert refused.value.code == "capability_not_supported"


def test_bodies_of_json_are_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt="a cat")
    assert refused.value.code == "capability_not_supported"
    with pytest.raises(openai.BadRequestError):
        client.audio.speech.create(model="tts-1", voice="alloy", input="hello")


def test_other_routes_take_no_forms(server: RunningServer) -> None:
    assert server.http.post("/v1/chat/completions", files={"a": b"b"}).status_code == 415

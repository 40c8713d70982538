"""Pictures on their way to another server."""

from __future__ import annotations

import base64

from lsrv.protocol.commands import Generate, MediaFile
from lsrv.registry.upstream.media_words import messages_of
from lsrv.registry.upstream.openai_words import path_and_body

MARK = "<mark>"
PNG, WAV = b"\x89PNG picture", b"RIFF\x00\x00\x00\x00WAVE sound"


def command(*messages: dict[str, object]) -> Generate:
    media = [MediaFile(PNG, "a"), MediaFile(WAV, "b")]
    return Generate(request_id=0, messages=list(messages), media=media, media_marker=MARK)


def test_marks_become_parts_where_they_stand() -> None:
    said = command(
        {"role": "system", "content": "Look."},
        {"role": "user", "content": f"one {MARK} two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}, {"type": "text", "text": MARK}]},
    )
    image = {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}
    sound = {"data": base64.b64encode(WAV).decode(), "format": "wav"}
    assert messages_of(said) == [
        {"role": "system", "content": "Look."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "one "},
                {"type": "image_url", "image_url": image},
                {"type": "text", "text": " two"},
            ],
        },
        {"role": "user", "content": [{"type": "text", "text": "three"}, {"type": "input_audio", "input_audio": sound}]},
    ]
    assert path_and_body(said, "their")[1]["messages"] == messages_of(said)


def test_a_chat_without_any_travels_as_it_is() -> None:
    plain = Generate(request_id=0, messages=[{"role": "user", "content": "a"}])
    assert messages_of(plain) is plain.messages

"""`POST /v1/chat/completions/control`: a thought that is being written is ended, and the answer goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY, RunningServer, StartServer, copies_of_stories

TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}"
CHAT: dict[str, Any] = {
    "model": TINY,
    "messages": "Once upon a time",
    "temperature": 0,
    "stream": True,
    "grammar": {"type": "regex", "value": "[a-z]{20}"},  # binds the answer, which then surely comes
    "reasoning_control": True,
}


def act(server: RunningServer, **body: Any) -> Any:
    return server.http.post("/v1/chat/completions/control", json=body)


@pytest.fixture
def thinking(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """A model that begins with a thought, and would think until its context is full."""
    models = copies_of_stories(tmp_path)[:1]
    (tmp_path / "thinking.jinja").write_text(TEMPLATE)
    models[0] |= {
        "chat_template": str(tmp_path / "thinking.jinja"),
        "context": {"context_length": 16384, "slots": 1},
        "response_cache": True,
    }
    return start_server(models=models)


def test_a_thought_ends_when_its_reader_has_had_enough(thinking: RunningServer) -> None:
    thought, content, chunk = "", "", {}
    with thinking.http.stream("POST", "/v1/chat/completions", json=CHAT) as answer:
        for line in answer.iter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            delta = chunk["choices"][0]["delta"]
            if delta.get("reasoning_content") and not thought:
                assert act(thinking, id=chunk["id"], action="reasoning_end", model=TINY).json() == {"success": True}
            thought += delta.get("reasoning_content", "")
            content += delta["content"]
    assert thought
    assert len(content) == 20
    late = act(thinking, id=chunk["id"], action="reasoning_end").json()
    assert late["success"] is False
    assert "no active completion" in late["message"]


@pytest.mark.parametrize("body", [{}, {"action": "reasoning_end"}, {"id": "chatcmpl-1", "action": "sing"}])
def test_what_says_neither_whom_nor_what_is_refused(server: RunningServer, body: dict[str, Any]) -> None:
    assert act(server, **body).status_code == 400

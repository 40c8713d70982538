from __future__ import annotations

import json

from lsrv.api.dialects.openai.chat import parse_chat
from lsrv.registry.upstream.openai_words import path_and_body


def test_what_a_prompt_is_asked_by_travels_to_an_upstream_as_fields_of_the_body() -> None:
    fields = {"continue_final_message": True, "add_generation_prompt": False, "documents": [{"text": "a"}]}
    body = {"messages": [{"role": "user", "content": "hi"}], **fields, "enable_thinking": True}
    command = parse_chat(json.dumps(body).encode()).commands[0]
    assert command.template_kwargs == {**fields, "enable_thinking": True}
    sent = path_and_body(command, "m")[1]
    assert sent["chat_template_kwargs"] == {"enable_thinking": True}
    assert {name: sent[name] for name in fields} == fields

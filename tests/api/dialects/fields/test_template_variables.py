"""What a body says to a template."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lsrv.api.dialects.openai.chat import parse_chat
from lsrv.errors import RequestError


def variables(**body: Any) -> dict[str, object]:
    return parse_chat(msgspec.json.encode({"messages": "Hello", **body})).commands[0].template_kwargs


@pytest.mark.parametrize("name", ["enable_thinking", "thinking"])
@pytest.mark.parametrize(("text", "meant"), [("false", False), ("False", False), ("true", True)])
def test_switches_may_be_texts(name: str, text: str, meant: bool) -> None:
    assert variables(chat_template_kwargs={name: text}) == {name: meant}


def test_a_switch_of_the_body_may_be_a_text_and_nothing_else() -> None:
    assert variables(enable_thinking="false") == {"enable_thinking": False}
    with pytest.raises(RequestError, match="true or false"):
        variables(enable_thinking="perhaps")


def test_what_transformers_is_told_beside_the_chat_reaches_the_template() -> None:
    said = {"documents": [{"title": "A", "text": "B"}], "add_generation_prompt": False, "continue_final_message": True}
    assert variables(**said) == said


def test_what_a_client_says_to_the_template_itself_wins() -> None:
    assert variables(enable_thinking=True, chat_template_kwargs={"enable_thinking": "false"}) == {
        "enable_thinking": False
    }

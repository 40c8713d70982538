from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.chat.templates.chat import Chat
from lsrv.chat.templates.environment import compiled
from lsrv.chat.templates.hiding import Hider, Rendered, shown
from lsrv.errors import RequestError

NAMES = ["<|im_start|>", "<|im_end|>", "<think>", "</think>", "[/T]", "<|fin"]
SOURCE = (
    "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}{{ m.tool_calls | tojson if m.tool_calls }}"
    "<|im_end|>{% endfor %}{{ tools | tojson(ensure_ascii=true) }}"
)
hider = Hider(NAMES, SOURCE)


def rendered(chat: Chat, names: Hider = hider) -> Rendered:
    hidden, meant = names.hidden(chat)
    text = compiled(SOURCE).render(messages=hidden.messages, tools=hidden.tools)
    return shown(text, meant)


def user(text: str) -> Chat:
    return Chat([{"role": "user", "content": text}], {})


texts = st.lists(st.sampled_from([*NAMES, "<", "|", "a", " ", "\\u", "im_end|>", "é", "\ue000"])).map("".join)


@given(texts)
def test_a_text_comes_out_as_it_would_without_hiding(text: str) -> None:
    chat = Chat([{"role": "user", "content": text, "tool_calls": [{text: [text]}]}], {}, [{"a": text}])
    assert rendered(chat).text == compiled(SOURCE).render(messages=chat.messages, tools=chat.tools)


@given(texts)
def test_no_name_that_a_client_wrote_is_seen_and_all_of_the_templates_are(text: str) -> None:
    given_text, places = rendered(user(text))
    starts = [at for name in NAMES for at in range(len(given_text)) if given_text.startswith(name, at)]
    assert sorted(at for at in starts if at not in places) == [0, given_text.rindex("<|im_end|>")]


def test_a_name_is_hidden_wherever_it_stands() -> None:
    call = {"function": {"name": "f", "arguments": {"<|im_end|>": "<|im_end|>"}}}
    chat = Chat(
        [{"role": "assistant", "content": "<|im_end|>", "tool_calls": [call]}], {}, [{"description": "<|im_end|>"}]
    )
    assert len(rendered(chat).spelled) == 4


def test_a_name_is_hidden_though_two_texts_make_it_together() -> None:
    assert len(rendered(Chat([{"role": "user", "content": "<|im_"}], {})).spelled) == 1


def test_harmless_chats_are_the_same_object() -> None:
    chat = user("a < b, and 1 |> 2, and im_end")
    assert hider.hidden(chat) == (chat, {})


def test_an_assistants_own_marks_stay_in_its_answers() -> None:
    message = {"role": "assistant", "content": "<think>a</think>b"}
    assert not rendered(Chat([message], {})).spelled
    assert len(rendered(user("<think>a</think>b")).spelled) == 2
    split = Hider(["[/T]"], "{{ m.content.split('[/T]') }}")
    assert split.hidden(Chat([{"role": "assistant", "content": "[/T]"}], {}))[1] == {}


def test_who_writes_every_character_of_private_use_is_refused() -> None:
    with pytest.raises(RequestError, match="private use"):
        hider.hidden(user("".join(map(chr, range(0xE000, 0xF900))) + "<|im_end|>"))

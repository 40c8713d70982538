from __future__ import annotations

import ctypes

import llama_cpp.llama_cpp as llama
import pytest

from lsrv.chat.templates.chat import Chat, Message
from lsrv.chat.templates.choosing import builtin_names, builtin_template, choose_template
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import LoadFailedError

OWN: dict[str | None, str] = {None: "main", "tool_use": "with tools", "rag": "with documents"}
MESSAGES: list[Message] = [
    {"role": "system", "content": " Be brief. "},
    {"role": "user", "content": "hi \n"},
    {"role": "assistant", "content": " yes"},
    {"role": "user", "content": " more"},
]


def built_in(name: str, messages: list[Message], *, asks: bool) -> str:
    """What llama.cpp writes."""
    pairs = [llama.llama_chat_message(str(m["role"]).encode(), str(m["content"]).encode()) for m in messages]
    array = (llama.llama_chat_message * len(pairs))(*pairs)
    buffer = ctypes.create_string_buffer(4096)
    n = llama.llama_chat_apply_template(name.encode(), array, len(pairs), asks, buffer, len(buffer))
    return buffer.raw[:n].decode()


def known_names() -> list[str]:
    names = (ctypes.c_char_p * 200)()
    n = llama.llama_chat_builtin_templates(names, len(names))
    return [name.decode() for name in names[:n] if name]


@pytest.mark.parametrize("name", known_names())
@pytest.mark.parametrize("asks", [True, False])
def test_a_built_in_template_writes_what_llama_cpp_does(name: str, asks: bool) -> None:
    source = builtin_template(name)
    assert source is not None
    template = ChatTemplate(source, bos="", eos="")
    for messages in (MESSAGES, MESSAGES[1:], MESSAGES[:3], MESSAGES[1:2]):
        assert template.text(Chat(messages, {}), asks=asks) == built_in(name, messages, asks=asks)


def test_what_the_settings_give_comes_first_then_what_they_name_then_the_files_own() -> None:
    assert choose_template("given", "rag", OWN.get, has_chatml=True).source == "given"
    assert choose_template(None, "rag", OWN.get, has_chatml=True).source == "with documents"
    assert choose_template(None, "llama3", OWN.get, has_chatml=True).source == builtin_template("llama3")
    own = choose_template(None, "", OWN.get, has_chatml=True)
    assert (own.source, own.tool_source) == ("main", "with tools")


def test_a_name_that_nothing_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(LoadFailedError, match=r"chat_template_name = \"no\".*chatml, .*zephyr"):
        choose_template(None, "no", OWN.get, has_chatml=True)


@pytest.mark.parametrize(("has_chatml", "name"), [(True, "chatml"), (False, "plain")])
def test_without_any_it_is_chatml_where_the_vocabulary_has_its_tokens(has_chatml: bool, name: str) -> None:
    chosen = choose_template(None, "", lambda _: None, has_chatml=has_chatml)
    assert chosen.source == builtin_template(name)
    assert chosen.origin.startswith(f"assumed: {name}")
    assert "plain" in builtin_names()


def test_chats_with_tools_are_written_by_the_template_for_them() -> None:
    template = ChatTemplate("none", "{{ tools | length }} tools", bos="", eos="")
    assert template.text(Chat([], {}), asks=True) == "none"
    assert template.text(Chat([], {}, [{}]), asks=True) == "1 tools"

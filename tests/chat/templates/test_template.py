from __future__ import annotations

import contextlib

import pytest

from lsrv.chat.templates.chat import Chat, Message
from lsrv.chat.templates.prompt import CheckedPrompter
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import LoadFailedError, RequestError

CHATML = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
HELLO: list[Message] = [{"role": "user", "content": "hi"}]
TOOL: dict[str, object] = {"type": "function", "function": {"name": "look", "description": "Look", "parameters": {}}}


def render(source: str, messages: list[Message] = HELLO, **kwargs: object) -> str:
    return CheckedPrompter(ChatTemplate(source, bos="<s>", eos="</s>")).prompt(Chat([*messages], kwargs))


def test_messages_become_a_prompt_for_the_assistant() -> None:
    assert render(CHATML) == "<s><|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_kwargs_reach_the_template() -> None:
    assert render("{% if enable_thinking %}think{% else %}no{% endif %}", enable_thinking=True) == "think"


def test_tojson_writes_no_html_escapes() -> None:
    assert render("{{ {'a': '<é>'} | tojson }}") == '{"a": "<é>"}'


def test_tojson_takes_what_a_filter_made() -> None:
    assert render("{{ messages | map(attribute='role') | tojson }}") == '["user"]'


def test_tools_reach_the_template_and_are_none_without_any() -> None:
    source = "{{ 'none' if tools is none else tools[0].function.name }}"
    template = ChatTemplate(source, bos="", eos="")
    assert CheckedPrompter(template).prompt(Chat(HELLO, {})) == "none"
    assert CheckedPrompter(template).prompt(Chat(HELLO, {}, [TOOL])) == "look"


def test_a_template_may_change_a_list_that_it_made() -> None:
    assert (
        render("{% set a = [] %}{% for m in messages %}{% set _ = a.append(m.role) %}{% endfor %}{{ a }}") == "['user']"
    )


def test_generation_marks_are_only_their_body() -> None:
    assert render("{% generation %}x{% endgeneration %}") == "x"


def test_a_templates_own_complaint_reaches_the_client() -> None:
    with pytest.raises(RequestError, match="roles must alternate"):
        render("{{ raise_exception('roles must alternate') }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ lipsum.__globals__ }}",
    ],
)
def test_the_sandbox_lets_nothing_out(source: str) -> None:
    with contextlib.suppress(RequestError):
        assert "class" not in render(source)


def test_a_broken_template_says_what_to_do() -> None:
    with pytest.raises(LoadFailedError, match="set chat_template"):
        ChatTemplate("{% if %}", bos="", eos="")


@pytest.mark.parametrize("source", ["{{ 1/0 }}", "{{ 'x'.encode('nope') }}", "{{ range(10**9) }}"])
def test_what_a_template_can_never_render_is_its_own_fault(source: str) -> None:
    with pytest.raises(RequestError, match=r"fails on any messages .* set chat_template"):
        render(source)


def test_what_it_can_not_render_of_these_messages_is_theirs() -> None:
    source = "{{ 1 / (7 - (messages[0].content | length)) }}"
    assert render(source)
    with pytest.raises(RequestError, match=r"can't render these messages: ZeroDivisionError") as raised:
        render(source, [{"role": "user", "content": "1234567"}])
    assert raised.value.param == "messages"

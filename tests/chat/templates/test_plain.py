from __future__ import annotations

import pytest

from lsrv.chat.templates.chat import Chat, Message
from lsrv.chat.templates.plain import PlainTemplate, is_plain
from lsrv.chat.templates.prompt import CheckedPrompter
from lsrv.chat.templates.template import ChatTemplate

HELLO: list[Message] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello, "}]
CHATML = (
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + (m.content | trim) + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}"
    "{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message.role %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
)
QWEN = (
    "{% set ns = namespace(is_open=true, last=messages|length - 1) %}{% for message in messages[::-1] %}"
    "{% set index = (messages|length - 1) - loop.index0 %}"
    "{% if ns.is_open and message.role == 'user' and message.content is string and not "
    "(message.content.startswith('<r>') and message.content.endswith('</r>')) %}"
    "{% set ns.is_open = false %}{% set ns.last = index %}{% endif %}{% endfor %}"
    "{% for message in messages %}{% set content = message.content.split('</think>')[-1].lstrip('\\n') %}"
    "{% if message.tool_calls %}{% for call in message.tool_calls %}{{ call.args | tojson }}{% endfor %}{% endif %}"
    "{% if loop.index0 > ns.last %}{{ '<think>' }}{% endif %}{{ content }}{% endfor %}"
)


def read(source: str) -> ChatTemplate:
    return ChatTemplate(source, bos="<s>", eos="</s>")


@pytest.mark.parametrize("source", [CHATML, GEMMA, QWEN], ids=["chatml", "gemma", "qwen"])
def test_usual_templates_are_plain_and_render_as_elsewhere(source: str) -> None:
    template = read(source)
    assert is_plain(source)
    assert PlainTemplate(template).render(Chat(HELLO, {})) == CheckedPrompter(template).prompt(Chat(HELLO, {}))


@pytest.mark.parametrize(
    "source",
    [
        "{{ 7 ** n }}",
        "{{ m * 3 }}",
        "{{ m % 3 }}",
        "{{ '%9d' % m }}",
        "{{ m | join(m) }}",
        "{{ m | wordwrap }}",
        "{{ m.replace('a', 'bb') }}",
        "{{ m.format(3) }}",
        "{{ m | center(99999999) }}",
        "{{ m | tojson(indent=99999999) }}",
        "{{ m.split(m) }}",
        "{{ strftime_now(m) }}",
        "{{ strftime_now('%9999999d') }}",
        "{{ lipsum(9999) }}",
        "{{ m.x(3) }}",
        "{{ [m, m] }}",
        "{{ {'a': m} }}",
        "{{ (m, m) }}",
        "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('a') }}",
        "{% set x %}{{ m }}{% endset %}",
        "{% filter upper %}{{ m }}{% endfilter %}",
        "{% for a in m recursive %}{{ loop(a) }}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for a in m %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for a in m %}{% set t = ns.x + ns.x %}{% set ns.x = t %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for a in m %}{% set ns.x = ns.x | tojson %}{% endfor %}",
        "{% set x = m + m %}{% set x = x + x %}" + "{% set x = x + x %}" * 9,
        "{{ namespace(*m) }}",
        "{{ 7 ** (10 ** 9) }}",
        "{% if %}",
        "{% if m %}" * 500 + "{% endif %}" * 500,
    ],
)
def test_what_can_be_long_in_one_step_is_not_plain(source: str) -> None:
    assert not is_plain(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = a %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ messages[0].content }}{% for b in range(99) %}{{ a }}{% endfor %}{% endfor %}",
        "{{ raise_exception('no') }}",
        "{{ messages[0].content.nothing.at_all }}",
        "{{ '\\ud800' }}",
    ],
    ids=["endless", "huge", "refusing", "failing", "no unicode"],
)
def test_what_turns_out_to_be_more_is_left_to_others(source: str) -> None:
    template = read(source)
    assert is_plain(source)
    assert PlainTemplate(template).render(Chat([{"role": "user", "content": "x" * 9999}], {})) is None

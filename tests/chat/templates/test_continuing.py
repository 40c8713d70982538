from __future__ import annotations

from pathlib import Path

import pytest

from lsrv.chat.templates.chat import Chat, Message
from lsrv.chat.templates.prompt import CheckedPrompter
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import RequestError

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
HELLO: Message = {"role": "user", "content": "hi"}
ASKED = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def prompt(source: str, *messages: Message, **kwargs: object) -> str:
    return CheckedPrompter(ChatTemplate(source, bos="", eos="")).prompt(Chat([HELLO, *messages], kwargs))


def says(content: object) -> Message:
    return {"role": "assistant", "content": content}


@pytest.mark.parametrize("text", ["Hello, I ", "|", "<", "<|im_end|>", "hi", " ", "\n", "end\n\n"])
def test_a_last_message_of_the_assistant_is_continued_where_it_ends(text: str) -> None:
    assert prompt(CHATML, says(text)) == ASKED + text


@pytest.mark.parametrize("content", ["", None, []])
def test_an_empty_last_message_of_the_assistant_asks_for_an_answer(content: object) -> None:
    assert prompt(CHATML, says(content)) == ASKED


def test_blanks_at_the_end_stay_where_a_template_trims() -> None:
    assert prompt(CHATML.replace("m.content", "m.content | trim"), says("Hello,  ")) == ASKED + "Hello,  "


def test_what_a_template_leaves_out_stands_behind_the_beginning_of_an_answer() -> None:
    source = CHATML.replace("m.content", "(m.content if m.role == 'user' else '')")
    assert prompt(source, says("Hello")) == ASKED + "Hello"


def test_the_last_of_several_parts_is_continued() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert prompt(CHATML, says(parts)) == ASKED + "a\nb"
    source = CHATML.replace(
        "m.content", "(m.content if m.content is string else m.content | map(attribute='text') | join)"
    )
    assert prompt(source, says(parts)) == ASKED + "ab"


def test_who_asks_for_an_answer_behind_a_last_message_gets_one() -> None:
    closed = f"{ASKED}Hello<|im_end|>\n"
    assert prompt(CHATML, says("Hello"), add_generation_prompt=True) == f"{closed}<|im_start|>assistant\n"
    assert prompt(CHATML, says("Hello"), continue_final_message=False) == f"{closed}<|im_start|>assistant\n"
    assert prompt(CHATML, says("Hello"), continue_final_message=False, add_generation_prompt=False) == closed
    assert prompt(CHATML, says("Hello"), add_generation_prompt=False) == closed


def test_nobody_answers_where_no_answer_is_asked_for() -> None:
    assert prompt(CHATML, add_generation_prompt=False) == "<|im_start|>user\nhi<|im_end|>\n"


@pytest.mark.parametrize(
    ("messages", "kwargs", "said"),
    [
        ([], {"continue_final_message": True}, "needs a last message of the assistant"),
        ([says("a")], {"continue_final_message": True, "add_generation_prompt": True}, "exclude each other"),
        ([says("a")], {"continue_final_message": "yes"}, "must be true or false"),
    ],
)
def test_wishes_that_cant_be_met_are_refused(messages: list[Message], kwargs: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said) as raised:
        prompt(CHATML, *messages, **kwargs)
    assert raised.value.param == "continue_final_message"


PUBLISHED = Path(__file__).parent / "published"
QWEN3 = "<|im_end|>\n<|im_start|>assistant\n"
THINKING = {
    "Qwen-Qwen3-0.6B": ("<think>", f"{QWEN3}<think>abc "),
    "Qwen3.5-4B": ("<think>", f"{QWEN3}<think>\nabc "),
    "ByteDance-Seed-OSS": ("<seed:think>", "<seed:eos><seed:bos>assistant\n<seed:think>abc "),
    "deepseek-ai-DeepSeek-V3.1": ("<think>", "<\uff5cAssistant\uff5c><think>abc "),
    "upstage-Solar-Open-100B": ("<|think|>", "<|end|><|begin|>assistant<|think|>abc "),
    "mistralai-Ministral-3-14B-Reasoning-2512": ("[THINK]", "[/INST][THINK]abc "),
    "openai-gpt-oss-120b": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>analysis<|message|>abc ",
    ),
}
CLOSES = {
    "<think>": "</think>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "<|think|>": "<|end|><|begin|>assistant",  # what also stands behind a user's turn
}


@pytest.mark.parametrize(("name", "opens", "end"), [(name, *each) for name, each in THINKING.items()], ids=THINKING)
@pytest.mark.parametrize("kind", ["own mark", "think", "reasoning_content"])
def test_a_thought_that_has_not_ended_goes_on_as_a_thought(name: str, opens: str, end: str, kind: str) -> None:
    said: Message = {"role": "assistant", "content": {"own mark": f"{opens}abc ", "think": "<think>abc "}.get(kind, "")}
    if kind == "reasoning_content":
        said["reasoning_content"] = "abc "
    template = ChatTemplate((PUBLISHED / f"{name}.jinja").read_text(), bos="", eos="")
    text = CheckedPrompter(template).prompt(Chat([HELLO, said], {}, thoughts=(opens, CLOSES.get(opens, "<|end|>"))))
    assert text.replace("<think>\nabc", "<think>abc").endswith(end.replace("<think>\nabc", "<think>abc"))


def test_a_thought_that_has_ended_is_the_templates_to_write() -> None:
    assert prompt(CHATML, says("<think>a</think>b")) == ASKED + "<think>a</think>b"

"""Formats that no probing can tell, recognised by what stands in a template's source."""

from __future__ import annotations

from lsrv.chat.format.answer_format import (
    CallFormat,
    Channels,
    Hole,
    JsonArguments,
    Marks,
    PythonArguments,
    TaggedArguments,
)

NAME, ARGUMENTS = Hole("name"), Hole("arguments")

HERMES = CallFormat(
    parts=['<tool_call>\n{"name": "', NAME, '", "arguments": ', ARGUMENTS, "}\n</tool_call>"],
    arguments=JsonArguments(),
    between="\n",
)
"""What most models have seen: for templates that know no tools."""

_LFM2 = CallFormat(
    opens="<|tool_call_start|>[",
    parts=[NAME, "(", ARGUMENTS, ")"],
    between=", ",
    closes="]<|tool_call_end|>",
    arguments=PythonArguments(),
)
_GRANITE = CallFormat(
    opens="<|tool_call|>[",
    parts=['{"name": "', NAME, '", "arguments": ', ARGUMENTS, "}"],
    between=", ",
    closes="]",
    arguments=JsonArguments(),
)
_COMMAND_R = CallFormat(
    opens="Action:\n```json\n[\n    ",
    parts=['{\n        "tool_name": "', NAME, '",\n        "parameters": ', ARGUMENTS, "\n    }"],
    between=",\n    ",
    closes="\n]```",
    arguments=JsonArguments(),
)
_HARMONY_CALLS = CallFormat(parts=[ARGUMENTS], arguments=JsonArguments())
_GLIMMER_CALLS = CallFormat(
    parts=[
        '<atem:function_calls>\n<atem:invoke name="',
        NAME,
        '">\n',
        ARGUMENTS,
        "</atem:invoke>\n</atem:function_calls>",
    ],
    arguments=TaggedArguments(
        before_key='<atem:parameter name="', after_key={"string": '">'}, after_value="</atem:parameter>\n"
    ),
)

_HARMONY = Channels(
    start="<|start|>assistant",
    message="<|message|>",
    ends=["<|end|>", "<|call|>", "<|return|>"],
    thoughts=["<|channel|>analysis"],
    text="<|channel|>final",
    preamble="<|channel|>commentary",
    callee="to=functions.",
    call="<|channel|>commentary to=functions.{name} <|constrain|>json",
)
_GLIMMER = Channels(
    start="<|start|>assistant",
    message="<|message|>",
    ends=["<|eom|>", "<|eot|>"],
    thoughts=["to=self"],
    text=" to=user",
    callee="to=",
    call=" to={name}",
)

_MENTIONED_THOUGHTS = (("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<|inner_prefix|>", "<|inner_suffix|>"))


def known_channels(source: str) -> Channels | None:
    """Channels of templates that write answers as messages to them."""
    if "<|channel|>" in source and "<|start|>" in source:
        return _HARMONY
    if "<atem:function_calls>" in source and "<|eom|>" in source:
        return _GLIMMER
    return None


def known_calls(source: str) -> CallFormat | None:
    """Calls of templates that drop them, or surround them with much else."""
    if (channels := known_channels(source)) is not None:
        return _HARMONY_CALLS if channels == _HARMONY else _GLIMMER_CALLS
    if "List of tools: " in source:
        return _LFM2
    if "<|tool_call|>" in source and "JSON list of tools" in source:
        return _GRANITE
    if "Action:\\n```json" in source and "directly-answer" in source:
        return _COMMAND_R
    return None


def mentioned_calls(source: str) -> CallFormat | None:
    """Calls of templates that drop them, but tell their model in words to write them in `<tool_call>`."""
    return HERMES if "<tool_call>" in source and '"arguments"' in source else None


def known_text(source: str) -> Marks | None:
    """Marks around text: of models that are told so in words, or whose prompt ends within the mark."""
    if ">>>all" in source:
        return Marks(">>>all", "")
    return Marks("<response>", "</response>") if "<response></response>" in source else None


def mentioned_thoughts(source: str) -> Marks | None:
    """Marks of templates that mention them, without writing a thought between them."""
    return next((Marks(*pair) for pair in _MENTIONED_THOUGHTS if pair[0] in source or pair[1] in source), None)


def known_end(source: str) -> str:
    """What stands at the end of an answer, before the token that ends it."""
    return "<|close|>message<|sep|>" if "<|end_of_msg|>" in source else ""

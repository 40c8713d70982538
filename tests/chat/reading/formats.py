"""How some published models write, one of each kind: what templates show of them is tested beside the finding."""

from __future__ import annotations

from lsrv.chat.format.answer_format import (
    AnswerFormat,
    BareArguments,
    CallFormat,
    Channels,
    Hole,
    JsonArguments,
    JsonType,
    Marks,
    NestedTagArguments,
    PythonArguments,
    TaggedArguments,
)

NAME, ID, ARGUMENTS = Hole("name"), Hole("id"), Hole("arguments")
THINK = Marks("<think>", "</think>")
JSON = JsonArguments()

QWEN_CODER = TaggedArguments(
    before_key="<parameter=", after_key={"string": ">\n"}, after_value="\n</parameter>\n", between=""
)
GLM = TaggedArguments(
    before_key="<arg_key>", after_key={"string": "</arg_key>\n<arg_value>"}, after_value="</arg_value>", between="\n"
)
DSML = '<|DSML|parameter name="'
NO_STRING: list[JsonType] = ["number", "integer", "boolean", "null", "object", "array"]
DEEPSEEK = TaggedArguments(
    before_key=DSML,
    after_key={"string": '" string="true">', **dict.fromkeys(NO_STRING, '" string="false">')},
    after_value="</|DSML|parameter>\n",
)
PYTHON_REPR = TaggedArguments(
    before_key="<parameter=", after_key={"string": ">"}, after_value="</parameter>\n", is_python=True
)
NESTED = NestedTagArguments(opens="]<]minimax[>[<{key}>", closes="]<]minimax[>[</{key}>", item="item")

FORMATS = {
    "hermes": AnswerFormat(
        thoughts=THINK,
        calls=CallFormat(
            parts=['<tool_call>\n{"name": "', NAME, '", "arguments": ', ARGUMENTS, "}\n</tool_call>"],
            arguments=JSON,
            between="\n",
        ),
    ),
    "mistral": AnswerFormat(
        thoughts=Marks("[THINK]", "[/THINK]"),
        calls=CallFormat(parts=["[TOOL_CALLS]", NAME, "[ARGS]", ARGUMENTS], arguments=JSON),
    ),
    "mistral_ids": AnswerFormat(
        calls=CallFormat(parts=["[TOOL_CALLS]", NAME, "[CALL_ID]", ID, "[ARGS]", ARGUMENTS], arguments=JSON)
    ),
    "nemo": AnswerFormat(
        calls=CallFormat(
            opens="[TOOL_CALLS][",
            parts=['{"name": "', NAME, '", "arguments": ', ARGUMENTS, ', "id": "', ID, '"}'],
            between=", ",
            closes="]",
            arguments=JSON,
        )
    ),
    "cohere": AnswerFormat(
        thoughts=Marks("<|START_THINKING|>", "<|END_THINKING|>"),
        text=Marks("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
        calls=CallFormat(
            opens="<|START_ACTION|>[\n    ",
            parts=[
                '{"tool_call_id": "',
                Hole("index"),
                '", "tool_name": "',
                NAME,
                '", "parameters": ',
                ARGUMENTS,
                "}",
            ],
            between=",\n    ",
            closes="\n]<|END_ACTION|>",
            arguments=JSON,
        ),
    ),
    "kimi": AnswerFormat(
        calls=CallFormat(
            opens="<|tool_calls_section_begin|>",
            parts=[
                "<|tool_call_begin|>functions.",
                NAME,
                ":",
                Hole("index"),
                "<|tool_call_argument_begin|>",
                ARGUMENTS,
                "<|tool_call_end|>",
            ],
            closes="<|tool_calls_section_end|>",
            arguments=JSON,
        )
    ),
    "apertus": AnswerFormat(
        calls=CallFormat(
            opens="<|tools_prefix|>[",
            parts=['{"', NAME, '": ', ARGUMENTS, "}"],
            between=", ",
            closes="]<|tools_suffix|>",
            arguments=JSON,
        )
    ),
    "llama": AnswerFormat(
        calls=CallFormat(
            parts=['{"name": "', NAME, '", "parameters": ', ARGUMENTS, "}"], arguments=JSON, allows_several=False
        )
    ),
    "functionary": AnswerFormat(
        text=Marks(">>>all", ""), calls=CallFormat(parts=[">>>", NAME, "\n", ARGUMENTS], arguments=JSON)
    ),
    "qwen_coder": AnswerFormat(
        thoughts=THINK,
        calls=CallFormat(
            parts=["<tool_call>\n<function=", NAME, ">\n", ARGUMENTS, "</function>\n</tool_call>"],
            between="\n",
            arguments=QWEN_CODER,
        ),
    ),
    "glm": AnswerFormat(
        thoughts=THINK,
        calls=CallFormat(parts=["<tool_call>", NAME, "\n", ARGUMENTS, "\n</tool_call>"], between="\n", arguments=GLM),
    ),
    "deepseek": AnswerFormat(
        thoughts=THINK,
        calls=CallFormat(
            opens="<|DSML|function_calls>\n",
            parts=['<|DSML|invoke name="', NAME, '">\n', ARGUMENTS, "</|DSML|invoke>\n"],
            closes="</|DSML|function_calls>",
            arguments=DEEPSEEK,
        ),
    ),
    "seed": AnswerFormat(
        thoughts=Marks("<seed:think>", "</seed:think>"),
        calls=CallFormat(
            parts=["<seed:tool_call>\n<function=", NAME, ">\n", ARGUMENTS, "</function>\n</seed:tool_call>"],
            between="\n",
            arguments=PYTHON_REPR,
        ),
    ),
    "minimax": AnswerFormat(
        thoughts=Marks("<mm:think>", "</mm:think>"),
        calls=CallFormat(
            opens="]<]minimax[>[<tool_call>\n",
            parts=[']<]minimax[>[<invoke name="', NAME, '">', ARGUMENTS, "]<]minimax[>[</invoke>\n"],
            closes="]<]minimax[>[</tool_call>",
            arguments=NESTED,
        ),
    ),
    "liquid": AnswerFormat(
        calls=CallFormat(
            opens="<|tool_call_start|>[",
            parts=[NAME, "(", ARGUMENTS, ")"],
            between=", ",
            closes="]<|tool_call_end|>",
            arguments=PythonArguments(),
        )
    ),
    "gemma": AnswerFormat(
        thoughts=Marks("<|channel>thought", "<channel|>"),
        calls=CallFormat(
            parts=["<|tool_call>call:", NAME, ARGUMENTS, "<tool_call|>"],
            arguments=BareArguments(quote='<|"|>'),
            is_before_text=True,
        ),
    ),
    "gpt_oss": AnswerFormat(
        channels=Channels(
            start="<|start|>assistant",
            message="<|message|>",
            ends=["<|end|>", "<|call|>", "<|return|>"],
            thoughts=["<|channel|>analysis"],
            text="<|channel|>final",
            callee="to=functions.",
            call="<|channel|>commentary to=functions.{name} <|constrain|>json",
        ),
        calls=CallFormat(parts=[ARGUMENTS], arguments=JSON),
    ),
    "glimmer": AnswerFormat(
        channels=Channels(
            start="<|start|>assistant",
            message="<|message|>",
            ends=["<|eom|>", "<|eot|>"],
            thoughts=[" to=self"],
            text=" to=user",
            callee=" to=",
            call=" to={name}",
        ),
        calls=CallFormat(
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
        ),
    ),
}

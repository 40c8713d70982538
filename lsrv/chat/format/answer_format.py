"""How one model writes answers: thoughts, text and calls of tools, as its template shows them. Values only.

All texts are as the model writes them, control tokens by their names ("<|channel|>").
"""

from __future__ import annotations

from typing import Literal

import msgspec

JsonType = Literal["string", "number", "integer", "boolean", "null", "object", "array"]
HoleKind = Literal["name", "id", "index", "number", "arguments"]


class Marks(msgspec.Struct, frozen=True):
    """What stands around a part of an answer, without white space at its ends; `opens` may be empty.

    Around thoughts: `("<think>", "</think>")`. Around text: `("<|START_RESPONSE|>", "<|END_RESPONSE|>")`.
    """

    opens: str
    closes: str


class Hole(msgspec.Struct, frozen=True):
    """A place in a call's text that differs from call to call.

    `index` counts the calls of an answer from 0, `number` from 1; `id` is any text up to what follows; `arguments` are
    written in the format's own way.
    """

    kind: HoleKind


class JsonArguments(msgspec.Struct, frozen=True, tag="json"):
    """One JSON object, as `json.dumps` writes it: `{"a": "x", "b": 7}`."""


class TaggedArguments(msgspec.Struct, frozen=True, tag="tagged", kw_only=True):
    """Each argument between tags: before_key KEY after_key VALUE after_value, `between` two of them.

    Strings stand as they are, all else as JSON, or as Python writes it (`is_python`; `has_python_constants`: only True,
    False and None that are no part of a list or an object). Strings that hold "<", "&" or a line break stand between
    `guards`, if there are any. Where the tags tell the type of the value, `after_key` depends on it; else it has one
    text under "string" alone. Examples:
    `<parameter=` KEY `>\n` VALUE `\n</parameter>\n`; `<arg_key>` KEY `</arg_key>\n<arg_value>` VALUE `</arg_value>`.
    """

    before_key: str
    after_key: dict[JsonType, str]
    after_value: str
    between: str = ""
    is_python: bool = False
    has_python_constants: bool = False
    guards: Marks | None = None  # `<![CDATA[`, `]]>`


class NestedTagArguments(msgspec.Struct, frozen=True, tag="nested_tags", kw_only=True):
    """Each value in a tag of its key, objects as tags inside, each item of an array in a tag `item`.

    `opens` and `closes` hold "{key}": `]<]minimax[>[<{key}>` and `]<]minimax[>[</{key}>`.
    """

    opens: str
    closes: str
    item: str


class PythonArguments(msgspec.Struct, frozen=True, tag="python"):
    """Keywords of a Python call, `a='x', b=7, c={"k": [1, true]}`: texts as Python's repr, all else as JSON or repr."""


class BareArguments(msgspec.Struct, frozen=True, tag="bare"):
    """An object whose keys have no quotes, and whose texts stand between `quote`: `{a:<|"|>x<|"|>,b:7,c:{k:[1]}}`."""

    quote: str


Arguments = JsonArguments | TaggedArguments | NestedTagArguments | PythonArguments | BareArguments


class CallFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are written: `opens`, calls with `between` two of them, `closes`.

    A call is `parts`, texts and holes in their order: `<tool_call>{"name": "` NAME `", "arguments": ` ARGUMENTS
    `}</tool_call>`. `is_before_text`: text of the same answer stands behind the calls.
    """

    parts: list[str | Hole]
    arguments: Arguments
    opens: str = ""
    between: str = ""
    closes: str = ""
    is_before_text: bool = False
    allows_several: bool = True  # whether an answer may hold more than one call


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as messages to channels: start HEADER message TEXT end, again and again (gpt-oss, Glimmer).

    The prompt ends with `start`, or behind it. A header that has one of `thoughts` in it opens a thought; one with
    `callee` and a tool's name behind that opens a call, whose arguments are its text; any other opens text.
    """

    start: str  # "<|start|>assistant"
    message: str  # "<|message|>"
    ends: list[str]  # ["<|end|>", "<|call|>", "<|return|>"]
    thoughts: list[str]  # ["<|channel|>analysis"]
    text: str  # the header of text: "<|channel|>final"
    preamble: str = ""  # the header of text that the answer goes on behind, to calls: "<|channel|>commentary"
    callee: str  # "to=functions."
    call: str  # the header of a call: "<|channel|>commentary to=functions.{name} <|constrain|>json"


class AnswerFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer of this model may hold. All None: text, and nothing else.

    `channels` says where parts begin and end in place of `thoughts` and `text`, and of all in `calls` but how a call's
    text is written. A prompt may end in the middle of a mark (`>>>` of `>>>all`). `notes` tell people what was found,
    or why something was not.
    """

    thoughts: Marks | None = None
    text: Marks | None = None
    calls: CallFormat | None = None
    channels: Channels | None = None
    end: str = ""  # what may stand at the end of all, and is no part of anything: "<|close|>message<|sep|>"
    shows_thoughts: bool = True  # False: the template says nothing of thoughts; `thoughts` are what many models write
    shows_tools: bool = True  # False: the template never names the tools: a system message has to
    shows_calls: bool = True  # False: the template drops calls of earlier turns: their text has to stand in the content
    shows_calls_beside_text: bool = True  # False: the same of calls in messages that have text, too
    notes: list[str] = []


PLAIN = AnswerFormat(thoughts=Marks("<think>", "</think>"), shows_thoughts=False)
"""For a model of whose template nothing is known: many write thoughts like this, whatever their template says."""

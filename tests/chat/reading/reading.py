"""An answer read in pieces, put together again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import NamedTuple

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.reading.answer import AnswerReader
from lsrv.protocol.commands import ToolUse

PARAMETERS: dict[str, object] = {
    "text": {"type": "string"},
    "more": {"type": "string"},
    "count": {"type": "integer"},
    "share": {"type": "number"},
    "is_on": {"type": "boolean"},
    "nothing": {"type": "null"},
    "maybe": {"anyOf": [{"$ref": "#/$defs/word"}, {"type": "null"}]},
    "tree": {"type": "object", "properties": {"empty": {"type": "object"}, "texts": {"items": {"type": "string"}}}},
    "items": {"type": "array"},
    "free": {},
}
TOOLS: list[dict[str, object]] = [
    {
        "type": "function",
        "function": {
            "name": "tool_a",
            "parameters": {"type": "object", "properties": PARAMETERS, "$defs": {"word": {"type": "string"}}},
        },
    },
    {"type": "function", "function": {"name": "tool-b.c", "parameters": {"properties": {"text": {"type": "string"}}}}},
    {"type": "function", "function": {"name": "allocate"}},
    {"type": "function", "function": {"name": "shown_only"}},
]
TOOL_USE = ToolUse(tools=TOOLS, names=["tool_a", "tool-b.c", "allocate"])


class Read(NamedTuple):
    """What an answer was found to be; of each call its name and the text of its arguments."""

    content: str
    reasoning: str
    calls: list[tuple[str, str]]
    complaint: str
    n_calls: int

    @property
    def values(self) -> list[tuple[str, object]]:
        """Of each call its name and its arguments."""
        return [(name, json.loads(arguments)) for name, arguments in self.calls]


def read(
    form: AnswerFormat,
    text: str,
    *,
    cuts: Sequence[int] = (),
    prompt: str = "",
    tool_use: ToolUse | None = TOOL_USE,
    n_prefill: int = 0,
) -> Read:
    """What a reader makes of `text`, cut at `cuts` (modulo its length)."""
    reader = AnswerReader(form, prompt, tool_use, n_prefill)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    said = [*(reader.push(text[a:b]) for a, b in itertools.pairwise(edges)), reader.flush()]
    calls: list[tuple[str, str]] = []
    for delta in itertools.chain.from_iterable(each.calls for each in said):
        if delta.name:
            assert (delta.index, delta.arguments, bool(delta.id)) == (len(calls), "", True)
            calls.append((delta.name, ""))
        else:
            assert (delta.index, delta.id) == (len(calls) - 1, "")
            calls[-1] = (calls[-1][0], calls[-1][1] + delta.arguments)
    content, reasoning = "".join(each.content for each in said), "".join(each.reasoning for each in said)
    return Read(content, reasoning, calls, reader.complaint, reader.n_calls)

"""What an answer may hold, and how this model writes it: all that its grammar is made from. Values only."""

from __future__ import annotations

import msgspec

from lsrv.chat.binding.lark import MarkPiece
from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.opening import Opening
from lsrv.protocol.commands import ToolUse


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """`pieces`: what each mark of the form is made of, in the model's vocabulary. `tool_use`: None for no calls."""

    form: AnswerFormat
    pieces: dict[str, list[MarkPiece]]
    opening: Opening
    tool_use: ToolUse | None = None

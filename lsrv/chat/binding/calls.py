"""How calls of tools are written, as rules: what begins one, and what stands behind that. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import cast

from lsrv.chat.binding.arguments import arguments_of
from lsrv.chat.binding.lark import ControlToken, Lark, MarkPiece, fixed
from lsrv.chat.binding.schema import parameters_of
from lsrv.chat.format.answer_format import CallFormat, Hole
from lsrv.errors import GrammarError
from lsrv.protocol.commands import ToolUse

_HOLES = {
    "id": "/[a-zA-Z0-9]{9}/",  # nine of them, for those who take no other ids
    "index": "/0|[1-9][0-9]{0,2}/",
    "number": "/[1-9][0-9]{0,2}/",
}
_MARK = re.compile(r"[<\[][^\s<>\[\]]+[>\]]")  # <tool_call>, [TOOL_CALLS]


class CallRules:
    """The calls of one answer. Raises GrammarError for a tool whose arguments no rule can say."""

    def __init__(self, lark: Lark, form: CallFormat, tool_use: ToolUse) -> None:
        self._lark = lark
        self._form = form
        at = next(at for at, part in enumerate(form.parts) if isinstance(part, Hole))
        head = [part for part in form.parts[:at] if isinstance(part, str)]
        self._opening = _stripped(lark.pieces(form.opens, *head))
        # Text that begins like a call is text up to the name: of a call without a mark all up to there is one text.
        first = [] if self.trigger is not None else [str(piece) for piece in self._opening]
        self._tools = lark.rule(" | ".join(_tool_rules(lark, form, [*first, *form.parts[at:]], tool_use)))
        self._again = ""
        if tool_use.is_parallel and form.allows_several:
            more = lark.rule(" | ".join(_tool_rules(lark, form, form.parts[at:], tool_use)))
            self._again = f"({lark.fixed(form.between, *head)} {more})*"

    def whole(self, begun: str = "") -> str:
        """All calls, from the first mark to the last. `begun`: what of the first the prompt has already."""
        opening = "" if self.trigger is None else fixed(_behind(self._opening, begun))
        return f"{opening} {self._behind_opening}"

    @property
    def trigger(self) -> MarkPiece | None:
        """What begins a call, and nothing else: a control token or a text. None: calls have no mark of their own."""
        first = self._opening[0] if self._opening else ""
        if isinstance(first, ControlToken):
            return first
        mark = _MARK.match(first)
        if mark is not None:
            return mark.group()
        return first.split("\n")[0] if first[:1] not in ("", "{", "[") else None

    @property
    def trigger_text(self) -> str:
        """The trigger as text, which may spell out the name of a control token."""
        trigger = self.trigger
        return trigger.name if isinstance(trigger, ControlToken) else trigger or ""

    @property
    def behind_trigger(self) -> str:
        """What must follow the trigger, up to the end of all calls."""
        return self.whole(self.trigger_text)

    def likeness(self, tool_use: ToolUse) -> str:
        """The body of a terminal for texts that begin like a call, where calls have no mark: white space is free."""
        first = self._opening[0] if self._opening else ""
        names = "|".join(_spaced(name) for name in tool_use.names)
        behind = next((part for part in self._form.parts[1:] if isinstance(part, str)), "")[:1]
        return f"/{_spaced(str(first))}({names}){_spaced(behind)}(?s:.*)/"

    @property
    def _behind_opening(self) -> str:
        return f"{self._tools} {self._again} {self._lark.fixed(self._form.closes)}"


def parameters_param(at: int) -> str:
    """What a client calls the schema of its tool `at`."""
    return f"tools[{at}].function.parameters"


def call_arguments(lark: Lark, form: CallFormat, tool_use: ToolUse) -> dict[str, str]:
    """The rule for what stands in the place of a call's text, by the name of its tool: for calls in channels."""
    return {
        name: _parts(lark, form, form.parts, name, arguments) for name, arguments in _arguments(lark, form, tool_use)
    }


def _tool_rules(lark: Lark, form: CallFormat, parts: Sequence[str | Hole], tool_use: ToolUse) -> list[str]:
    return [_parts(lark, form, parts, name, arguments) for name, arguments in _arguments(lark, form, tool_use)]


def _arguments(lark: Lark, form: CallFormat, tool_use: ToolUse) -> list[tuple[str, str]]:
    """The rule for the arguments of each tool that may be called, by its name."""
    found: list[tuple[str, str]] = []
    for at, tool in enumerate(tool_use.tools):
        name = cast("dict[str, str]", tool["function"])["name"]
        if name not in tool_use.names:
            continue
        param = parameters_param(at)
        try:
            found.append((name, lark.rule(arguments_of(lark, form.arguments, parameters_of(tool)))))
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise GrammarError(f"{param} can't be used: {reason}", param=param) from error
    return found


def _parts(lark: Lark, form: CallFormat, parts: Sequence[str | Hole], name: str, arguments: str) -> str:
    """The body of a rule for one call of one tool."""
    bodies: list[str] = []
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif part.kind == "name":
            texts.append(_escaped(name) if _is_in_quotes(form, part) else name)
        else:
            bodies += [lark.fixed(*texts), arguments if part.kind == "arguments" else lark.terminal(_HOLES[part.kind])]
            texts = []
    return " ".join(body for body in [*bodies, lark.fixed(*texts)] if body)


def _is_in_quotes(form: CallFormat, hole: Hole) -> bool:
    """Whether a hole is a JSON string of a call that is JSON."""
    before = form.parts[form.parts.index(hole) - 1]
    return isinstance(before, str) and before.endswith('"')


def _escaped(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)[1:-1]


def _spaced(text: str) -> str:
    """A regular expression for `text` with any white space around its signs."""
    words = re.findall(r"\w+|[^\w\s]", text)
    return r"\s*" + r"\s*".join(re.sub(r"[^\w]", lambda sign: "\\" + sign.group(), word) for word in words) + r"\s*"


def _behind(pieces: Sequence[MarkPiece], begun: str) -> Sequence[MarkPiece]:
    """Pieces without the text that they begin with."""
    first = pieces[0]
    if isinstance(first, ControlToken):
        return pieces[1:] if first.name == begun else pieces
    rest = first.removeprefix(begun)
    return [rest, *pieces[1:]] if rest else pieces[1:]


def _stripped(pieces: list[MarkPiece]) -> list[MarkPiece]:
    """Pieces without white space in front: it is the end of what stood before."""
    if pieces and isinstance(pieces[0], str):
        first = pieces[0].lstrip()
        return [first, *pieces[1:]] if first else pieces[1:]
    return pieces

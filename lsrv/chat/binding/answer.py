"""One grammar for all that an answer may hold: thoughts, text or a document, calls. Pure.

Thoughts are free, and have to end. Text is free up to the mark that begins a call; from there on all is bound.
"""

from __future__ import annotations

import json

from lsrv.chat.binding.binding import Binding
from lsrv.chat.binding.calls import CallRules
from lsrv.chat.binding.channels import ChannelAnswer
from lsrv.chat.binding.lark import ANYTHING, ControlToken, Lark, fixed, quoted, without
from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.opening import Opening, ends_in_word
from lsrv.protocol.commands import ToolUse

DOCUMENT = "document"  # the name of the grammar of a document
_SPACE = r"/\s*/"
_GAP = r"/\s{0,4}/"  # between a thought, and what may not begin with white space by itself


def answer_grammar(binding: Binding, document: list[dict[str, object]] | None) -> str:
    """What llguidance compiles. `document`: grammars, of which the first, named DOCUMENT, binds the text.

    Raises GrammarError for a tool whose arguments no rule can say.
    """
    lark = Lark(binding.pieces)
    said = None if document is None else f"@{DOCUMENT}"
    form, opening, tool_use = binding.form, binding.opening, binding.tool_use
    if form.channels is not None:
        start = ChannelAnswer(lark, form, form.channels, opening.beginning).start(tool_use, said)
    else:
        start = _Answer(lark, form, opening, tool_use).start(said)
    if form.end:
        start = f"({start}) ({lark.fixed(form.end)})?"
    return json.dumps({"grammars": [{"lark_grammar": lark.source(start)}, *(document or [])]}, ensure_ascii=False)


class _Answer:
    """An answer without channels."""

    def __init__(self, lark: Lark, form: AnswerFormat, opening: Opening, tool_use: ToolUse | None) -> None:
        self._lark = lark
        self._form = form
        self._beginning = opening.beginning
        self._begun = opening.begun
        self._tool_use = tool_use
        self._calls = CallRules(lark, form.calls, tool_use) if tool_use is not None and form.calls is not None else None

    def start(self, document: str | None) -> str:
        """The body of the first rule."""
        answer = self._lark.rule(self._answer(document))
        thoughts = self._form.thoughts
        if thoughts is None or self._beginning in ("answer", "text"):
            return answer
        gap = self._lark.terminal(_GAP)
        thought = self._lark.rule(f"{self._lark.until(thoughts.closes)} {gap} {answer}")
        if self._beginning == "thought" or not thoughts.opens:
            return thought
        return f"{answer} | {self._lark.fixed(thoughts.opens)} {thought}"

    def _answer(self, document: str | None) -> str:
        calls, tool_use = self._calls, self._tool_use
        if calls is None or tool_use is None:
            return self._marked(document) if document else self._text()
        whole = calls.whole(self._begun)
        if tool_use.choice == "required":
            return whole
        if document is not None:
            return f"{self._marked(document)} | {whole}"
        texts = self._text() + self._text_and_calls(calls, tool_use)
        return f"{self._behind_begun(self._lark.rule(texts))} | {whole} {self._tail()}" if self._begun else texts

    def _behind_begun(self, texts: str) -> str:
        """The rest of the mark of text that the prompt ends in, and these texts."""
        assert self._form.text is not None
        opens = self._form.text.opens
        said = rf"(/\s/ {texts})?" if ends_in_word(opens) else texts
        return f"{self._lark.fixed(opens.removeprefix(self._begun))} {said}"

    def _marked(self, document: str) -> str:
        """A document, in marks of text where the model writes some and the prompt has not."""
        text = self._form.text
        if text is None:
            return document
        marked = f"{document} {self._lark.fixed(text.closes)}"
        if self._beginning == "text":
            return marked
        gap = self._lark.terminal(_GAP)
        return f"{self._lark.fixed(text.opens.removeprefix(self._begun))} {gap} {marked}"

    def _text(self) -> str:
        """Text that holds no call."""
        free = self._lark.terminal(self._free())
        marked = self._marked_text()
        return free if marked is None else f"{free} | {marked} {free}"

    def _marked_text(self) -> str | None:
        """Text between its marks, where these are no plain text that free text holds anyway."""
        text = self._form.text
        if text is None or not any(
            isinstance(piece, ControlToken) for piece in self._lark.pieces(text.opens, text.closes)
        ):
            return None
        body = self._lark.rule(self._lark.until(text.closes))
        return body if self._beginning == "text" else f"{self._lark.fixed(text.opens)} {body}"

    def _text_and_calls(self, calls: CallRules, tool_use: ToolUse) -> str:
        """What else may be said, in as far as it holds calls."""
        trigger, tail = calls.trigger, self._tail()
        if trigger is None:
            return f" | {calls.whole()} {tail}"
        if isinstance(trigger, ControlToken):
            before = self._lark.rule(f"{self._lark.terminal(self._free())} {fixed([trigger])}")
        else:
            before = self._lark.lazy(f"({ANYTHING} {quoted(trigger)}){self._not_a_thought()}")
        marked = self._marked_text()
        said = before if marked is None else f"({before} | {marked} {before})"
        return f" | {said} {calls.behind_trigger} {tail}"

    def _tail(self) -> str:
        """What may stand behind calls."""
        return self._lark.terminal(self._free()) if self._form.calls and self._form.calls.is_before_text else ""

    def _free(self) -> str:
        """The body of a terminal for text in which no call begins, and which is no thought."""
        body = ANYTHING + self._not_a_thought()
        calls, tool_use = self._calls, self._tool_use
        if calls is None or tool_use is None:
            return body
        opening = calls.trigger_text
        if not opening:
            return f"{body} & ~{calls.likeness(tool_use)}"
        return f"{body} & {without(opening)}"

    def _not_a_thought(self) -> str:
        thoughts = self._form.thoughts
        if self._beginning != "start" or thoughts is None or not thoughts.opens:
            return ""
        return f" & ~({_SPACE} {quoted(thoughts.opens)} {ANYTHING})"

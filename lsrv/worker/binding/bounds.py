"""What binds one answer: which grammar it follows, and how long its thoughts may be."""

from __future__ import annotations

from msgspec.structs import replace

from lsrv.chat.binding.binding import Binding
from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.opening import Opening, n_prefilled, opening_of
from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.sequence import Sequence
from lsrv.engine.thoughts import ThoughtLimit
from lsrv.protocol.commands import Generate
from lsrv.worker.binding.compiling import Compiling
from lsrv.worker.binding.form_tokens import FormTokens, KnownForms
from lsrv.worker.errands.errand import Compile


class AnswerBounds:
    """Belongs to the engine thread."""

    def __init__(self, vocab: Vocab, compiling: Compiling) -> None:
        self._vocab = vocab
        self._compiling = compiling
        self._forms = KnownForms(vocab)

    async def bind(self, sequence: Sequence, command: Generate, prompt: str, form: AnswerFormat | None) -> None:
        """Let a sequence write what its request allows. `form`: of the answer to a chat. Raises GrammarError."""
        tokens = None if form is None else self._forms.get(form)
        if form is not None and tokens is not None:
            has_calls = command.tool_use is not None
            sequence.visible = tokens.visible_with_calls if has_calls else tokens.visible
            sequence.thought_limit = _thought_limit(command, form, tokens, prompt)
        errand = compile_for(command, prompt, form, tokens)
        if errand is not None:
            sequence.constraint = Constraint(await self._compiling.matcher(errand), self._vocab)


def compile_for(command: Generate, prompt: str, form: AnswerFormat | None, tokens: FormTokens | None) -> Compile | None:
    """What has to be compiled for an answer; None where nothing binds it.

    A grammar binds what is said beside thoughts; beside tools a JSON Schema does, and any other grammar binds all.
    """
    grammar, tool_use = command.grammar, command.tool_use
    param = "tools" if tool_use is not None else grammar.param if grammar is not None else ""
    if form is None or tokens is None or (tool_use is not None and grammar is not None and not _is_document(command)):
        return None if grammar is None else Compile(grammar.param, grammar)
    if tool_use is None and grammar is None:
        return None
    opening = _opening(command, prompt, form)
    may_think = (
        form.shows_thoughts or opening.beginning == "thought" or (tool_use is not None and tool_use.choice == "auto")
    )
    form = form if may_think else replace(form, thoughts=None)
    if tool_use is None and form.thoughts is None and form.text is None and form.channels is None:
        return None if grammar is None else Compile(param, grammar)
    return Compile(param, grammar, Binding(form=form, pieces=tokens.pieces, opening=opening, tool_use=tool_use))


def _opening(command: Generate, prompt: str, form: AnswerFormat) -> Opening:
    return opening_of(form, prompt, n_prefilled(command.messages or []))


def _is_document(command: Generate) -> bool:
    return command.grammar is not None and command.grammar.kind == "json_schema"


def _thought_limit(command: Generate, form: AnswerFormat, tokens: FormTokens, prompt: str) -> ThoughtLimit | None:
    is_limited = command.reasoning_budget is not None or command.can_end_thoughts
    if not is_limited or tokens.thought_marks is None:
        return None
    is_open = _opening(command, prompt, form).beginning == "thought"
    return ThoughtLimit(tokens.thought_marks, command.reasoning_budget, is_open=is_open)

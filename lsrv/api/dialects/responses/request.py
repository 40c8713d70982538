"""`POST /v1/responses`: body to request. What comes back is written by `reply`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from lsrv.api.dialects.contract import DialectRequest, Heading, Reply
from lsrv.api.dialects.fields.adapters import stack_of
from lsrv.api.dialects.fields.grammar import any_object, grammar_of, schema_grammar
from lsrv.api.dialects.fields.sampling import sampling_of, stops_of, token_limit
from lsrv.api.dialects.fields.template_variables import effort_kwargs
from lsrv.api.dialects.fields.turn import keep_alive_of
from lsrv.api.dialects.openai.service_tier import priority_of
from lsrv.api.dialects.responses.body import InputBody, Item, ResponsesBody, TextFormat
from lsrv.api.dialects.responses.history import History, history_of
from lsrv.api.dialects.responses.output import OutputForm
from lsrv.api.dialects.responses.tools import offered_tools
from lsrv.errors import RequestError
from lsrv.protocol.commands import Generate, Grammar, Tokenize

_SEALED_THOUGHTS = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"


def parse_responses(
    body: ResponsesBody,
    earlier: Sequence[Item],
    items: Sequence[Item],
    make_reply: Callable[[OutputForm, Heading], Reply],
) -> DialectRequest:
    """The request that `body` asks for with `items`, behind those that came `earlier`. Raises RequestError."""
    tools = offered_tools(body)
    history = _messages(body, earlier, items)
    command = Generate(
        request_id=0,
        messages=history.messages,
        template_kwargs=_template_kwargs(body),
        tool_use=tools.use,
        sampling=sampling_of(body),
        grammar=_grammar(body),
        max_tokens=token_limit(body.max_output_tokens, param="max_output_tokens"),
        stop=stops_of(body.stop),
        n_top_logprobs=_n_top_logprobs(body),
        is_streaming=bool(body.stream),
    )
    form = OutputForm(_has_summary(body), _SEALED_THOUGHTS in (body.include or []), tools.custom)
    return DialectRequest(
        model=body.model,
        commands=[history.media.put_into(command)],
        n_choices=1,
        is_streaming=command.is_streaming,
        adapters=stack_of(body.adapters, body.adapter, body.lora, is_normalized=bool(body.normalize_adapters)),
        uses_response_cache=body.response_cache is not False,
        keep_alive_s=keep_alive_of(body.keep_alive),
        priority=priority_of(body.priority, body.service_tier),
        make_reply=lambda heading: make_reply(form, heading),
        notes=(*tools.notes, *history.notes, *_notes(body)),
    )


def tokenize_command(body: InputBody, earlier: Sequence[Item], items: Sequence[Item]) -> Tokenize:
    """What counts the tokens that a model would read. Raises RequestError."""
    history = _messages(body, earlier, items)
    command = Tokenize(
        request_id=0,
        messages=history.messages,
        template_kwargs=_template_kwargs(body),
        tool_use=offered_tools(body).use,
        add_special=True,
        wants_pieces=False,
    )
    return history.media.put_into(command)


def _messages(body: InputBody, earlier: Sequence[Item], items: Sequence[Item]) -> History:
    history = history_of(body.instructions, earlier, items)
    if not history.messages:
        raise RequestError("input is missing or empty: send a text, or a list of items.", param="input")
    return history


def _template_kwargs(body: InputBody) -> dict[str, object]:
    verbosity = body.text.verbosity if body.text is not None else None
    said: dict[str, object] = {} if verbosity is None else {"verbosity": verbosity}
    return said | effort_kwargs(body.reasoning.effort if body.reasoning is not None else None)


def _grammar(body: ResponsesBody) -> Grammar | None:
    form = _of_format(body.text.format if body.text is not None else None)
    other = grammar_of(None, msgspec.Raw(), body.grammar)
    if form is not None and other is not None:
        raise RequestError(
            "text.format and grammar both say what the answer must look like; keep one.", param="grammar"
        )
    return form or other


def _of_format(form: TextFormat | None) -> Grammar | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return any_object("text.format")
    found = schema_grammar(form.schema, "text.format.schema")
    if found is None:
        raise RequestError("text.format of type json_schema needs schema.", param="text.format.schema")
    return found


def _n_top_logprobs(body: ResponsesBody) -> int | None:
    return (body.top_logprobs or 0) if body.top_logprobs or _LOGPROBS in (body.include or []) else None


def _has_summary(body: ResponsesBody) -> bool:
    reasoning = body.reasoning
    return reasoning is not None and (reasoning.summary or reasoning.generate_summary) not in (None, "none")


def _notes(body: ResponsesBody) -> tuple[str, ...]:
    """What is asked for beside tools and items, and has no effect."""
    if body.truncation != "auto":
        return ()
    return ("truncation: what is too long for the context is refused, and not shortened",)

"""A model's chat template: messages in, prompt text out.

The template is a stranger's code: jinja2's sandbox keeps it from reaching out, nothing keeps it from taking for ever.
So it only runs in a process that can be killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lsrv.errors import LoadFailedError, RequestError

Message = Mapping[str, object]

_PLAIN: Sequence[Message] = [{"role": "user", "content": "Hello"}]


class _GenerationTag(Extension):
    """`{% generation %}…{% endgeneration %}` marks training masks in some templates; here it is only its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance attribute

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def tree_of(source: str) -> nodes.Template:
    """What a template says, before anything of it is folded or run. Raises TemplateSyntaxError, RecursionError."""
    return _environment().parse(source)


class ChatTemplate:
    """A compiled template with the tokens it may name."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        """Raises LoadFailedError if the template is no valid Jinja."""
        self._names: dict[str, object] = {
            "bos_token": bos,
            "eos_token": eos,
            "tools": None,
            "documents": None,
            "raise_exception": _raise_exception,
            "strftime_now": _strftime_now,
        }
        try:
            self._template = _environment().from_string(source)
        except MemoryError:
            raise
        except Exception as error:
            raise LoadFailedError(
                f"the model's chat template is broken: {error}; set chat_template in models.toml"
            ) from error

    def render(self, messages: Sequence[Message], kwargs: Mapping[str, object]) -> str:
        """The prompt for `messages`, ready for the assistant's answer.

        A last message from the assistant is continued instead of answered. `kwargs` reach the template as they are
        (enable_thinking, reasoning_effort, …). Raises RequestError with the template's own words if it refuses.
        """
        try:
            return continued("".join(self.pieces(messages, kwargs)), messages)
        except MemoryError:
            raise
        except TemplateError as error:
            raise RequestError(
                f"the model's chat template can't render these messages: {error}", param="messages"
            ) from error
        except Exception as error:
            raise self._failure(error) from error

    def pieces(self, messages: Sequence[Message], kwargs: Mapping[str, object]) -> Iterator[str]:
        """The parts of that text as the template writes them. Raises whatever the template does."""
        variables: dict[str, object] = self._names | dict(kwargs)
        variables |= {"messages": messages, "add_generation_prompt": not _is_continuing(messages)}
        return self._template.generate(variables)

    def _failure(self, error: Exception) -> RequestError:
        """Whose fault it is: one who can't render the plainest chat either is no good for any."""
        reason = f"{type(error).__name__}: {error}"
        try:
            self._template.render(self._names | {"messages": _PLAIN, "add_generation_prompt": True})
        except Exception:  # noqa: BLE001 - as above
            return RequestError(
                f"this model's chat template fails on any messages ({reason}); set chat_template in models.toml"
            )
        return RequestError(f"the model's chat template can't render these messages: {reason}", param="messages")


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    return environment


def continued(text: str, messages: Sequence[Message]) -> str:
    """`text` up to the end of a last message of the assistant, so that the model goes on writing it."""
    content = str(messages[-1].get("content") or "").rstrip() if _is_continuing(messages) else ""
    at = text.rfind(content)
    return text[: at + len(content)] if content and at >= 0 else text


def _is_continuing(messages: Sequence[Message]) -> bool:
    return bool(messages) and messages[-1].get("role") == "assistant"


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    """A value as transformers renders it: JSON without HTML escapes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)

"""The Jinja that chat templates are written for: transformers' own, in the sandbox. No template here.

Source: `_compile_jinja_template` in transformers' `utils/chat_template_utils.py`. What differs: templates may change
lists that they made (`append`), as llama.cpp lets them; published ones do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NoReturn, cast

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

_LIST_CHANGES = frozenset({"append", "extend", "insert", "pop"})


class _GenerationTag(Extension):
    """`{% generation %}…{% endgeneration %}` marks training masks in some templates; here it is only its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance attribute

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


class _Environment(ImmutableSandboxedEnvironment):
    """What a template was given lives for one rendering: to change its lists harms nobody."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, list) and attr in _LIST_CHANGES:
            return True
        return super().is_safe_attribute(obj, attr, value)


def tree_of(source: str) -> nodes.Template:
    """What a template says, before anything of it is folded or run. Raises TemplateSyntaxError, RecursionError."""
    return _environment().parse(source)


def compiled(source: str) -> Template:
    """A template that can be rendered. Raises whatever its constants do, for they are computed now."""
    return _environment().from_string(source)


def _environment() -> _Environment:
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols])
    environment.filters["tojson"] = _tojson
    names = cast("dict[str, object]", environment.globals)
    names |= {"raise_exception": _raise_exception, "strftime_now": strftime_now}
    return environment


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def strftime_now(form: str) -> str:
    """The time on the clock of this machine."""
    return datetime.now().strftime(form)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """A value as transformers renders it: JSON without HTML escapes. What a filter like `map` makes is a list, too."""
    listed = list(cast("Iterator[object]", value)) if isinstance(value, Iterator) else value
    return json.dumps(listed, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

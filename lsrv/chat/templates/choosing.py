"""Which template a model chats by: the one that settings give or name, its own, or one that fits its vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from lsrv.errors import LoadFailedError

_BUILTIN = Path(__file__).parent / "builtin"
_PLAIN = "plain"
_WITH_TOOLS = "tool_use"


class ChosenTemplate(msgspec.Struct, frozen=True):
    """`tool_source`: the one for chats with tools, where there is another. `origin`: where it is from, for people."""

    source: str
    origin: str
    tool_source: str | None = None


def choose_template(
    given: str | None, name: str, own: Callable[[str | None], str | None], *, has_chatml: bool
) -> ChosenTemplate:
    """The template by which chats become prompts.

    `given`: Jinja of the settings. `name`: of one in the file, or of one that llama.cpp has built in; empty: none.

    `own`: the file's template, or that of a name. `has_chatml`: the vocabulary has the control tokens of ChatML.
    Raises LoadFailedError if nothing has that name.
    """
    if given:
        return ChosenTemplate(given, "models.toml")
    if name:
        return _named(name, own(name))
    source = own(None)
    if source is not None:
        builtin = builtin_template(source.strip())  # llama.cpp takes such a name for a template, too
        return ChosenTemplate(builtin or source, "GGUF", own(_WITH_TOOLS))
    assumed = "chatml" if has_chatml else _PLAIN
    source = builtin_template(assumed)
    assert source is not None
    return ChosenTemplate(source, f"assumed: {assumed}, for the GGUF has no chat template")


def builtin_names() -> list[str]:
    """What llama.cpp calls the templates that it knows without Jinja, and ours of that name are the same.

    "plain": ours alone. Source: LLM_CHAT_TEMPLATES in llama-chat.cpp.
    """
    return sorted(path.stem for path in _BUILTIN.glob("*.jinja"))


def builtin_template(name: str) -> str | None:
    """The Jinja source of that name."""
    return (_BUILTIN / f"{name}.jinja").read_text(encoding="utf-8") if name in builtin_names() else None


def _named(name: str, own: str | None) -> ChosenTemplate:
    source = own or builtin_template(name)
    if source is None:
        raise LoadFailedError(
            f'chat_template_name = "{name}": neither the GGUF nor llama.cpp has a template of that name; '
            f"built in are {', '.join(builtin_names())}"
        )
    return ChosenTemplate(source, f"GGUF: {name}" if own else f"built in: {name}")

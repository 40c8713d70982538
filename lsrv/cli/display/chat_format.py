"""How a model's chats look, for people: a server's /props as text."""

from __future__ import annotations

from typing import Any

_INDENT = "    "


def shown_format(props: dict[str, Any]) -> str:
    """Thoughts, text and calls as the model writes them, an example, and what there is to know."""
    found: dict[str, Any] = props["chat_format"]
    lines = [f"{props['model_alias']}: {_template(props)}"]
    if found:
        lines += [f"Thoughts: {_thoughts(found)}", f"Text: {_around(found.get('text')) or 'as it is'}", "Calls:"]
        lines += [_INDENT + line for line in str(props["chat_format_example"]).splitlines()]
    lines += [f"Note: {note}" for note in props["chat_notes"]]
    return "\n".join(lines)


def _template(props: dict[str, Any]) -> str:
    if not props["chat_template"]:
        return "no chat template"
    return f"a chat template of {len(props['chat_template'])} characters, from {props['chat_template_source']}"


def _thoughts(found: dict[str, Any]) -> str:
    channels: dict[str, Any] | None = found.get("channels")
    if channels is not None:
        return " ".join(channels["thoughts"])
    return (_around(found.get("thoughts")) if found.get("shows_thoughts", True) else "") or "none are shown"


def _around(marks: dict[str, str] | None) -> str:
    return "" if marks is None else f"{marks['opens']} … {marks['closes']}".strip()

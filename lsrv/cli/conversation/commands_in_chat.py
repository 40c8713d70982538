"""What `/words` do in a chat. Each takes what stands behind it, changes the dialog, and returns what to tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from lsrv.cli.conversation.answering import Answering
from lsrv.cli.conversation.choosing import entry_for, name_of
from lsrv.cli.conversation.dialog import Dialog
from lsrv.config import settings_for_models
from lsrv.errors import LsrvError, RequestError
from lsrv.home import expanded

HELP = """\
/model [NAME]        another model, from the next answer on; alone: which there are
/system [TEXT]       the system message; alone: without one
/set [KEY [VALUE]]   sampling, such as /set temperature 0.2; KEY alone takes it back; alone: what is set
/adapter [NAME]      LoRA weights of the model; alone: without
/save FILE           keep this chat (.json, or .md to read)
/load FILE           go on with one that was kept
/clear               forget what was said
/help                this
/exit                the end; Ctrl-D, too

Enter sends, Alt-Enter begins a new line, pasted lines stay together. Ctrl-C stops an answer."""

_Command = Callable[[Answering, Dialog, str], str]


class EndOfChat(Exception):
    """Somebody has had enough."""


def obey(server: Answering, dialog: Dialog, line: str) -> str:
    """Do what `line` says ("/word rest"). Raises LsrvError, EndOfChat."""
    word, _, rest = line.partition(" ")
    command = COMMANDS.get(word)
    if command is None:
        raise RequestError(
            f"{word} is no command; /help names them all. A message that begins with / takes a blank before it"
        )
    return command(server, dialog, rest.strip())


def _model(server: Answering, dialog: Dialog, name: str) -> str:
    if not name:
        listed = [str(each["id"]) for each in server.get("/v1/models")["data"] if "status" in each]
        return "\n".join(f"{'*' if each == dialog.model else ' '} {each}" for each in listed)
    if not server.knows(name):
        nothing = settings_for_models([], overrides={"server": {"discover": True}}, environ={}).settings
        entry = entry_for(name, nothing)
        server.add(entry)
        name = name_of(entry)
    server.ready(name)
    dialog.model, dialog.adapter = name, None
    return f"{name} answers now"


def _system(_: Answering, dialog: Dialog, text: str) -> str:
    dialog.system = text or None
    return "system message set" if text else "no system message"


def _set(server: Answering, dialog: Dialog, rest: str) -> str:
    del server
    key, _, value = rest.partition(" ")
    if not key:
        return "\n".join(f"{name} = {json.dumps(each)}" for name, each in dialog.fields.items()) or "nothing is set"
    if key in ("messages", "model", "stream", "stream_options", "n"):
        raise RequestError(
            f"{key} is not for /set; it holds sampling, such as temperature, top_p, max_tokens, seed, stop"
        )
    if not value.strip():
        dialog.fields.pop(key, None)
        return f"{key} is the model's own"
    try:
        dialog.fields[key] = json.loads(value)
    except ValueError:
        dialog.fields[key] = value.strip()
    return f"{key} = {json.dumps(dialog.fields[key])}"


def _adapter(_: Answering, dialog: Dialog, name: str) -> str:
    dialog.adapter = name or None
    return f"with {name}" if name else "without an adapter"


def _save(_: Answering, dialog: Dialog, name: str) -> str:
    path = _path(name)
    data = _markdown(dialog).encode() if path.suffix == ".md" else dialog.saved()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}") from None
    return f"{len(dialog.messages)} messages in {path}"


def _load(_: Answering, dialog: Dialog, name: str) -> str:
    path = _path(name)
    try:
        dialog.restore(path.read_bytes())
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}") from None
    except LsrvError as error:
        raise RequestError(f"{path}: {error.message}") from None
    return f"{len(dialog.messages)} messages from {path}; {dialog.model or 'the default model'} goes on"


def _clear(_: Answering, dialog: Dialog, rest: str) -> str:
    del rest
    dialog.clear()
    return "forgotten"


def _help(_: Answering, dialog: Dialog, rest: str) -> str:
    del dialog, rest
    return HELP


def _exit(_: Answering, dialog: Dialog, rest: str) -> str:
    del dialog, rest
    raise EndOfChat


def _path(name: str) -> Path:
    if not name:
        raise RequestError("name a FILE")
    return expanded(name)


def _markdown(dialog: Dialog) -> str:
    who = {"user": "You", "assistant": dialog.model or "Model"}
    system = [f"*{dialog.system}*"] if dialog.system else []
    told = [f"**{who.get(str(each['role']), each['role'])}:**\n\n{each['content']}" for each in dialog.messages]
    return "\n\n".join([*system, *told]) + "\n"


COMMANDS: dict[str, _Command] = {
    "/model": _model,
    "/system": _system,
    "/set": _set,
    "/adapter": _adapter,
    "/save": _save,
    "/load": _load,
    "/clear": _clear,
    "/help": _help,
    "/exit": _exit,
    "/bye": _exit,
}

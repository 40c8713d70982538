"""Finds what a template needs, by rendering small chats whose texts can be told in what it writes.

A way to write a chat is taken if all its texts are there. Of several the first is: what transformers would do. Where
none is taken, nothing is needed: nothing would help.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
import time
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from msgspec.structs import replace

from lsrv.chat.templates.calls import calls_of
from lsrv.chat.templates.chat import Chat, Message, WriteChat
from lsrv.chat.templates.fitting import fitted
from lsrv.chat.templates.needs import NoContent, NoTools, Role, TemplateNeeds

_ASKED, _ASKED_ON, _SAID, _RESULT = "Quxasked", "Quxmore", "Quxsaid", "Quxresult"
_RULE, _RULE_ON = "Quxrule", "Quxlaw"
_TOOL, _NAME, _VALUE, _OTHER_VALUE = "quxtool", "quxname", "Quxvalue", "Quxother"
_SHORT_ID, _OTHER_ID, _USUAL_ID = "abcd12345", "efgh67890", "call_0123456789abcdefABCDEFgh"
_BARE_TOOL: dict[str, object] = {
    "name": _TOOL,
    "description": "any",
    "parameters": {"type": "object", "properties": {"quxkey": {"type": "string"}}},
}
_PARAMETERS = {"type": "object", "properties": {"quxkey": {"type": "string", "description": "any"}}}

_LIMIT_S = 0.5  # of processor time; usual templates take a fiftieth of that
_MAX_TEXT = 256 * 1024  # of one chat of a few words

_Tools = list[dict[str, object]]


def find_needs(write: WriteChat) -> TemplateNeeds:
    """What the template behind `write` needs: nothing, as far as is known, if it is slow or writes without measure.

    Raises MemoryError and TimeoutError.
    """
    try:
        return _found(_Probe(write))
    except _TooMuchError:
        return TemplateNeeds()


def _found(probe: _Probe) -> TemplateNeeds:
    for no_tools in get_args(NoTools):
        probe.needs = TemplateNeeds(no_tools=no_tools)
        if probe.takes([_user()], _ASKED):
            break
    else:
        probe.needs = TemplateNeeds()
    _look_at_parts(probe)
    _look_at_systems(probe)
    probe.set_if_only_so("joins_users", [_user(), _user(_ASKED_ON)], _ASKED, _ASKED_ON)
    probe.set_if_only_so("full_tools", [_user()], _TOOL, tools=[_tool({"name": _TOOL})])
    probe.set_if_only_so("full_parameters", [_user()], _TOOL, tools=[_tool(_BARE_TOOL)])
    _look_at_calls(probe)
    return probe.needs


class _TooMuchError(Exception):
    """Probing would take longer than it is worth."""


class _Probe:
    """A template, given chats as what is known of its needs says."""

    def __init__(self, write: WriteChat) -> None:
        self._write = write
        self._until_s = time.thread_time() + _LIMIT_S
        self.needs = TemplateNeeds()

    def text(self, messages: list[Message], tools: _Tools | None = None) -> str | None:
        """What it writes; None if it refuses."""
        chat = Chat(copy.deepcopy(messages), {}, copy.deepcopy(tools))  # it may change what it is given
        try:
            written = self._write(fitted(chat, self.needs), True)
        except (MemoryError, TimeoutError):
            raise
        except Exception:  # noqa: BLE001 - a stranger's code may raise anything
            written = None
        if len(written or "") > _MAX_TEXT or time.thread_time() > self._until_s:
            raise _TooMuchError
        return written

    def takes(self, messages: list[Message], *texts: str, tools: _Tools | None = None) -> bool:
        """Whether all `texts` are in what it writes."""
        written = self.text(messages, tools)
        return written is not None and all(text in written for text in texts)

    def set_if_only_so(self, name: str, messages: list[Message], *texts: str, tools: _Tools | None = None) -> None:
        """Note the need `name` if the template takes `messages` with it, and not without."""
        if self.takes(messages, *texts, tools=tools):
            return
        without, self.needs = self.needs, replace(self.needs, **{name: True})
        if not self.takes(messages, *texts, tools=tools):
            self.needs = without


def _look_at_systems(probe: _Probe) -> None:
    probe.set_if_only_so("refuses_system", [_system(), _user()], _RULE, _ASKED)
    probe.set_if_only_so("joins_systems", [_system(), _system(_RULE_ON), _user()], _RULE, _RULE_ON)
    later = [_system(), _user(), _assistant(), _system(_RULE_ON), _user(_ASKED_ON)]
    probe.set_if_only_so("refuses_later_system", later, _RULE, _RULE_ON)


def _look_at_parts(probe: _Probe) -> None:
    """Who may say something in parts, and who must: a list that a template only prints is not taken."""
    called = _call(_CallForm(is_object=True, content="empty", id=_SHORT_ID))
    chats: dict[Role, list[Message]] = {
        "system": [_system(), _user()],
        "user": [_user()],
        "assistant": [_user(), _assistant(), _user(_ASKED_ON)],
        "tool": [_user(), called, _result(_SHORT_ID)],
    }
    takes_parts, takes_text = set[Role](), set[Role]()
    for role, messages in chats.items():
        said = next(str(message["content"]) for message in messages if message["role"] == role)
        if probe.takes(messages, said):
            takes_text.add(role)
        if _takes_parts(probe, [_in_parts(message, role) for message in messages], said):
            takes_parts.add(role)
    probe.needs = replace(probe.needs, parts=frozenset(takes_parts), only_parts=frozenset(takes_parts - takes_text))


def _takes_parts(probe: _Probe, messages: list[Message], said: str) -> bool:
    """Whether the text in them is shown, and not the list as it is printed."""
    before, probe.needs = probe.needs, replace(probe.needs, parts=frozenset(get_args(Role)))
    written = probe.text(messages) or ""
    probe.needs = before
    return said in written and re.search(rf"""text\\*['"]: \\*['"]{said}""", written) is None


class _CallForm(NamedTuple):
    """One way to write down a call of the past."""

    is_object: bool
    content: NoContent
    id: str
    value: str = _VALUE


def _look_at_calls(probe: _Probe) -> None:
    base = probe.needs
    for form in _call_forms():
        probe.needs = replace(base, content=form.content)
        if _shows(probe, form):
            break
    else:
        probe.needs = base
        _look_at_unseen_calls(probe)
        return
    probe.needs = replace(probe.needs, short_ids=form.id == _SHORT_ID)
    probe.needs = replace(probe.needs, arguments=_arguments_form(probe, form))
    _look_at_results(probe, form)
    _look_at_several(probe, form)


def _look_at_several(probe: _Probe, form: _CallForm) -> None:
    call, other = _call(form), form._replace(id=_OTHER_ID, value=_OTHER_VALUE)
    calls = [*calls_of(call), *calls_of(_call(other))]
    chat = [
        _user(),
        {**call, "tool_calls": calls},
        {**_result(form.id), "name": _NAME},
        {**_result(_OTHER_ID), "name": _NAME},
    ]
    probe.set_if_only_so("single_calls", chat, _VALUE, _OTHER_VALUE, _RESULT, tools=[_tool()])


def _look_at_unseen_calls(probe: _Probe) -> None:
    """What a template that drops calls does not stumble over."""
    probe.set_if_only_so("refuses_results", [_user(), _assistant(), _result(_USUAL_ID)], _RESULT)
    base = probe.needs
    for content in get_args(NoContent):
        probe.needs = replace(base, content=content)
        form = _CallForm(is_object=True, content=content, id=_USUAL_ID)
        if probe.takes([_user(), _call(form), _result(form.id)], _RESULT):
            return
    probe.needs = base


def _call_forms() -> Iterator[_CallForm]:
    """What clients send, then what changes least of it."""
    ids = (_USUAL_ID, _SHORT_ID)
    forms = itertools.product(ids, get_args(NoContent), (True, False))
    return (_CallForm(is_object, content, id_) for id_, content, is_object in forms)


def _shown(probe: _Probe, form: _CallForm) -> str:
    return probe.text([_user(), _call(form), {**_result(form.id), "name": _NAME}], [_tool()]) or ""


def _shows(probe: _Probe, form: _CallForm) -> bool:
    """Whether a call is shown with its arguments, as they are and not as a text inside of JSON."""
    written = _shown(probe, form)
    return _TOOL in written.partition(_ASKED)[2] and _VALUE in written and f'\\"{_VALUE}' not in written


def _arguments_form(probe: _Probe, form: _CallForm) -> Literal["any", "object", "text"]:
    """How arguments have to be. Where both ways are shown, and not alike: an object, unless Python's is printed."""
    other = form._replace(is_object=not form.is_object)
    if not _shows(probe, other):
        return "object" if form.is_object else "text"
    written = {each.is_object: _shown(probe, each) for each in (form, other)}
    if written[True] == written[False]:
        return "any"
    return "text" if "'quxkey'" in written[True] else "object"


def _look_at_results(probe: _Probe, form: _CallForm) -> None:
    call, result = _call(form), _result(form.id)
    named = probe.text([_user(), call, {**result, "name": _NAME}], [_tool()])
    plain = probe.text([_user(), call, result], [_tool()])
    if named is None or _RESULT not in named:
        probe.set_if_only_so("refuses_results", [_user(), call, result], _RESULT, tools=[_tool()])
    elif _NAME in named and (plain is None or plain in (named.replace(_NAME, ""), named.replace(_NAME, "None"))):
        probe.needs = replace(probe.needs, wants_names=True)


def _user(text: str = _ASKED) -> Message:
    return {"role": "user", "content": text}


def _system(text: str = _RULE) -> Message:
    return {"role": "system", "content": text}


def _assistant() -> Message:
    return {"role": "assistant", "content": _SAID}


def _call(form: _CallForm) -> Message:
    arguments: object = {"quxkey": form.value} if form.is_object else json.dumps({"quxkey": form.value})
    call = {"id": form.id, "type": "function", "function": {"name": _TOOL, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _result(id_: str) -> Message:
    return {"role": "tool", "content": _RESULT, "tool_call_id": id_}


def _tool(function: dict[str, object] | None = None) -> dict[str, object]:
    described = {"name": _TOOL, "description": "any", "parameters": _PARAMETERS}
    return {"type": "function", "function": function or described}


def _in_parts(message: Message, role: Role) -> Message:
    if message["role"] != role:
        return message
    return {**message, "content": [{"type": "text", "text": message["content"]}]}

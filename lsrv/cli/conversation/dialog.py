"""What was said so far, and how the next answer is asked for. A value that the commands of a chat change. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from lsrv.cli.client import JsonObject
from lsrv.errors import RequestError


@dataclass
class Dialog:
    """`model` None: the server's default. `fields`: more of the request's body, such as temperature."""

    model: str | None
    system: str | None = None
    adapter: str | None = None
    fields: dict[str, object] = field(default_factory=dict)
    messages: list[JsonObject] = field(default_factory=list)

    def body(self, *, stream: bool) -> JsonObject:
        """The body of `/v1/chat/completions`."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        body: JsonObject = {"messages": [*system, *self.messages], **self.fields}
        if (model := self.asked_model) is not None:
            body["model"] = model
        return body | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})

    @property
    def asked_model(self) -> str | None:
        """The model with its adapter, in a request's words."""
        return f"{self.model or 'default'}:{self.adapter}" if self.adapter else self.model

    def say(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})

    def hear(self, text: str) -> None:
        self.messages.append({"role": "assistant", "content": text})

    def unsay(self) -> None:
        """Take the last message back: nothing came in answer to it."""
        self.messages.pop()

    def clear(self) -> None:
        self.messages.clear()

    # -- on disk -----------------------------------------------------------------------------------

    def saved(self) -> bytes:
        """JSON that `restore` takes, and other programs understand."""
        kept = {"model": self.model, "adapter": self.adapter, "system": self.system, "fields": self.fields}
        return msgspec.json.format(msgspec.json.encode(kept | {"messages": self.messages}), indent=2) + b"\n"

    def restore(self, data: bytes) -> None:
        """Go on with what `saved` wrote. Raises RequestError, and changes nothing then."""
        try:
            kept = msgspec.json.decode(data, type=_Saved)
        except msgspec.MsgspecError as error:
            raise RequestError(f"is no chat that /save wrote: {error}") from None
        self.model, self.adapter, self.system = kept.model or self.model, kept.adapter, kept.system
        self.fields = dict(kept.fields)
        self.messages = [{"role": each.role, "content": each.content} for each in kept.messages]


class _SavedMessage(msgspec.Struct):
    role: str
    content: str


class _Saved(msgspec.Struct):
    messages: list[_SavedMessage]
    model: str | None = None
    adapter: str | None = None
    system: str | None = None
    fields: dict[str, object] = {}

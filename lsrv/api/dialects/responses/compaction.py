"""`POST /v1/responses/compact`: what was said becomes the users' messages and one item that sums up the rest.

https://platform.openai.com/docs/api-reference/responses/compact. The sum is written by the model that is asked, and
goes to the client as a text that only we read again: clients send it on as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from lsrv.api.dialects.contract import Dialect, DialectRequest, Head, Heading
from lsrv.api.dialects.fields.head import head_of
from lsrv.api.dialects.responses.body import InputBody, Item
from lsrv.api.dialects.responses.call import AskedItems
from lsrv.api.dialects.responses.events import new_item_id
from lsrv.api.dialects.responses.history import COMPACTION, history_of
from lsrv.api.dialects.responses.kept import named_item
from lsrv.api.dialects.responses.response import usage_object
from lsrv.api.dialects.responses.thoughts import sealed
from lsrv.errors import RequestError
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Delta, Finished

_MAX_TOKENS = 2048
_WISH = (
    "Sum up this conversation so that it can go on without its earlier messages. Say what was asked for, what was "
    "found, decided and done, which names, numbers and files matter, and what is still open. Write nothing but that."
)

_encode = msgspec.json.Encoder().encode


class CompactionCall:
    """One call; `items` with what came before."""

    def __init__(self, body: InputBody, items: AskedItems) -> None:
        self._body = body
        self._items = [*items.earlier, *items.new]

    @property
    def dialect(self) -> Dialect:
        """What delivers this call, and no other. It never streams."""
        return Dialect(read_head=_read_head, parse=self._parse, error_event=lambda _: b"")

    def _parse(self, raw: bytes) -> DialectRequest:
        """`raw` is the body that was read."""
        history = history_of(self._body.instructions, [], self._items)
        if not history.messages:
            raise RequestError("input is missing or empty: there is nothing to sum up.", param="input")
        command = Generate(
            request_id=0,
            messages=[*history.messages, {"role": "user", "content": _WISH}],
            template_kwargs={"enable_thinking": False},
            max_tokens=_MAX_TOKENS,
            is_streaming=False,
        )
        return DialectRequest(
            model=self._body.model,
            commands=[history.media.put_into(command)],
            n_choices=1,
            is_streaming=False,
            make_reply=self._make_reply,
            notes=tuple(history.notes),
        )

    def _make_reply(self, heading: Heading) -> CompactionReply:
        return CompactionReply(heading, [named_item(item) for item in self._items if _is_users(item)])


class CompactionReply:
    """The compacted conversation. It comes in one piece."""

    def __init__(self, heading: Heading, said: Sequence[Item]) -> None:
        self._heading = heading
        self._said = said

    def head(self) -> bytes:
        return b""

    def delta(self, index: int, delta: Delta) -> bytes:
        return b""

    def finish(self, index: int, finished: Finished) -> bytes:
        return b""

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return self.body(finished)

    def body(self, finished: Sequence[Finished]) -> bytes:
        end = finished[0]
        summed: Item = {
            "type": COMPACTION,
            "id": new_item_id("cmp"),
            "encrypted_content": sealed(end.text or end.reasoning),
        }
        told: Item = {
            "id": new_item_id("resp"),
            "object": "response.compaction",
            "created_at": self._heading.created,
            "output": [*self._said, summed],
            "usage": usage_object(end.usage),
        }
        return _encode(told | ({"warnings": self._heading.notes} if self._heading.notes else {}))


def _read_head(raw: bytes) -> Head:
    return replace(head_of(raw), is_streaming=False)


def _is_users(item: Item) -> bool:
    return item.get("type", "message") == "message" and item.get("role") == "user"

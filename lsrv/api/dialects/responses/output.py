"""What an answer says, in its order, as items: one after another is open. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.custom_call import CustomCallOutput
from lsrv.api.dialects.responses.events import EventNumbers
from lsrv.api.dialects.responses.output_items import (
    CallOutput,
    ItemStatus,
    MessageOutput,
    OutputItem,
    ReasoningOutput,
)
from lsrv.protocol.events import CallDelta, Delta, Finished


@dataclass(frozen=True, slots=True)
class OutputForm:
    """What a body says of the items of its answer. `custom`: names of tools whose calls are texts."""

    has_summary: bool = False
    has_sealed_thoughts: bool = False
    custom: frozenset[str] = frozenset()


class ItemWriter:
    """The items of one answer: `items` are those that have begun, of which the last one may be open."""

    def __init__(self, events: EventNumbers, form: OutputForm) -> None:
        self._events = events
        self._form = form
        self._begun: list[OutputItem] = []
        self._is_open = False
        self._call_index = -1  # of the last call
        self._unsent: list[bytes] = []

    @property
    def items(self) -> list[Item]:
        return [each.item for each in self._begun]

    def said(self, said: Delta | Finished) -> bytes:
        """The events for what came."""
        if said.reasoning:
            self._unsent.append(self._thoughts().add(said.reasoning))
        if said.text or (said.logprobs and not said.reasoning and not said.calls):
            self._unsent.append(self._message().add(said.text, said.logprobs))
        for piece in said.calls:
            self._unsent.append(self._call(piece).add(piece.arguments))
        return self._taken()

    def end(self, status: ItemStatus) -> bytes:
        """No more comes. An answer has one item at least."""
        if not self._begun:
            self._message()
        self._close(status)
        return self._taken()

    def broken_off(self) -> bytes:
        """No more will ever come."""
        self._close("incomplete")
        return self._taken()

    def _thoughts(self) -> OutputItem:
        last = self._last()
        if isinstance(last, ReasoningOutput):
            return last
        form = self._form
        return self._begin(
            ReasoningOutput(
                self._events, len(self._begun), is_summary=form.has_summary, is_sealed=form.has_sealed_thoughts
            )
        )

    def _message(self) -> OutputItem:
        last = self._last()
        return last if isinstance(last, MessageOutput) else self._begin(MessageOutput(self._events, len(self._begun)))

    def _call(self, piece: CallDelta) -> OutputItem:
        last = self._last()
        if isinstance(last, CallOutput | CustomCallOutput) and piece.index == self._call_index:
            return last
        self._call_index = piece.index
        kind = CustomCallOutput if piece.name in self._form.custom else CallOutput
        return self._begin(kind(self._events, len(self._begun), piece.name, piece.id))

    def _last(self) -> OutputItem | None:
        return self._begun[-1] if self._is_open else None

    def _begin(self, item: OutputItem) -> OutputItem:
        self._close("completed")
        self._begun.append(item)
        self._is_open = True
        self._unsent.append(item.opening())
        return item

    def _close(self, status: ItemStatus) -> None:
        if self._is_open:
            self._unsent.append(self._begun[-1].closing(status))
            self._is_open = False

    def _taken(self) -> bytes:
        data = b"".join(self._unsent)
        self._unsent.clear()
        return data

"""The text of a chat's answer between engine and reply: read as it comes, and stopped where its content has to."""

from __future__ import annotations

from lsrv.chat.reading.answer import AnswerReader
from lsrv.chat.reading.said import NOTHING, Said, joined
from lsrv.engine.detokenize import StopStrings


class ChatText:
    """A watch of the engine's that looks at content alone: thoughts and calls may hold any stop string."""

    __slots__ = ("_said", "_stops", "reader")

    def __init__(self, reader: AnswerReader, stops: list[str]) -> None:
        self.reader = reader
        self._stops = StopStrings(stops) if any(stops) else None
        self._said: list[Said] = []

    @property
    def stop_string(self) -> str | None:
        return None if self._stops is None else self._stops.stop_string

    @property
    def n_withheld(self) -> int:
        return 0 if self._stops is None else self._stops.n_withheld

    def push(self, text: str) -> str:
        self._keep(self.reader.push(text))
        return text

    def flush(self) -> str:
        """The end of the answer, which may be told twice; what stands behind a stop string is no part of it."""
        if self.stop_string is None:
            self._keep(self.reader.flush())
        if self._stops is not None:
            self._said.append(Said(self._stops.flush()))
        return ""

    def take(self) -> Said:
        """What was read since the last time."""
        said = self._said
        if not said:
            return NOTHING
        self._said = []
        return said[0] if len(said) == 1 else joined(said)

    def _keep(self, said: Said) -> None:
        if self._stops is not None and said.content:
            said = said._replace(content=self._stops.push(said.content))
        self._said.append(said)

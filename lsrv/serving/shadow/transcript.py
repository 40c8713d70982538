"""What an answer says: the text of each of its choices, without reasoning. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lsrv.protocol.events import Accepted, ChoiceEvent


class Transcript:
    """One answer as it comes."""

    def __init__(self) -> None:
        self._parts: defaultdict[int, list[str]] = defaultdict(list)

    def add(self, texts: Iterable[tuple[int, str]]) -> None:
        """More text, each with the choice that it belongs to."""
        for choice, text in texts:
            self._parts[choice].append(text)

    @property
    def texts(self) -> list[str]:
        """Texts by choice; a choice that said nothing is an empty text."""
        return ["".join(self._parts.get(choice, [])) for choice in range(max(self._parts, default=-1) + 1)]


def texts_in(batch: Iterable[ChoiceEvent]) -> list[tuple[int, str]]:
    """The texts that events bring, with their choices."""
    return [(choice, event.text) for choice, event in batch if not isinstance(event, Accepted)]

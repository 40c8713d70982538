"""What an answer says: the text of each of its choices, without reasoning, and behind it the calls of tools. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lsrv.protocol.calls import joined_calls
from lsrv.protocol.events import Accepted, CallDelta, ChoiceEvent, Delta, Finished


class Transcript:
    """One answer as it comes."""

    def __init__(self) -> None:
        self._parts: defaultdict[int, list[str]] = defaultdict(list)
        self._calls: defaultdict[int, list[CallDelta]] = defaultdict(list)

    def add(self, texts: Iterable[tuple[int, str]], calls: Iterable[tuple[int, list[CallDelta]]] = ()) -> None:
        """More text, and more of calls, each with the choice that it belongs to."""
        for choice, text in texts:
            self._parts[choice].append(text)
        for choice, pieces in calls:
            self._calls[choice] += pieces

    @property
    def texts(self) -> list[str]:
        """Texts by choice; a choice that said nothing is an empty text."""
        n_choices = max([*self._parts, *self._calls], default=-1) + 1
        return [self._text(choice) for choice in range(n_choices)]

    def _text(self, choice: int) -> str:
        """Ids of calls are random: they are left out."""
        calls = joined_calls(self._calls.get(choice, []))
        return "\n".join(["".join(self._parts.get(choice, [])), *(f"{call.name}({call.arguments})" for call in calls)])


def texts_in(batch: Iterable[ChoiceEvent]) -> list[tuple[int, str]]:
    """The texts that events bring, with their choices."""
    return [(choice, event.text) for choice, event in batch if not isinstance(event, Accepted)]


def calls_in(batch: Iterable[ChoiceEvent]) -> list[tuple[int, list[CallDelta]]]:
    """The same of calls."""
    return [(choice, event.calls) for choice, event in batch if isinstance(event, Delta | Finished)]

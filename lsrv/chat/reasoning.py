"""What a model writes, told apart while it streams: reasoning inside <think>, content outside."""

from __future__ import annotations

OPEN = "<think>"
CLOSE = "</think>"


def opens_reasoning(prompt: str) -> bool:
    """Whether an answer to `prompt` begins inside of the reasoning."""
    return prompt.rstrip().endswith(OPEN)


class AnswerSplitter:
    """Splits the text of one answer into (content, reasoning), piece by piece.

    Only a tag at the very beginning opens reasoning; a prompt that ends with the open tag has opened it already.
    A tag split over several pieces is held back until it is decided.
    """

    __slots__ = ("_held", "_is_stripping", "_state")

    def __init__(self, prompt: str) -> None:
        is_open = opens_reasoning(prompt)
        self._state = "reasoning" if is_open else "start"
        self._held = ""
        self._is_stripping = is_open  # white space around the tags belongs to nobody

    @property
    def is_reasoning(self) -> bool:
        return self._state == "reasoning"

    def push(self, text: str) -> tuple[str, str]:
        """(content, reasoning) that `text` settles; either may be empty."""
        if self._state == "content" and not self._is_stripping:
            return text, ""
        return self._split(self._held + text)

    def flush(self) -> tuple[str, str]:
        """What was held back, at the end of the answer."""
        held, self._held = self._held, ""
        return ("", held) if self._state == "reasoning" else (held, "")

    def _split(self, text: str) -> tuple[str, str]:
        self._held = ""
        if self._state == "start":
            stripped = text.lstrip()
            if stripped.startswith(OPEN):
                self._enter("reasoning")
                text = stripped[len(OPEN) :]
            elif OPEN.startswith(stripped):
                self._held = text
                return "", ""
            else:
                self._state = "content"
                return text, ""
        if self._state == "reasoning":
            reasoning, closed, rest = text.partition(CLOSE)
            if not closed:
                return "", self._hold_partial_close(self._strip(text))
            reasoning = self._strip(reasoning).rstrip()
            self._enter("content")
            return self._strip(rest), reasoning
        return self._strip(text), ""

    def _enter(self, state: str) -> None:
        self._state = state
        self._is_stripping = True

    def _strip(self, text: str) -> str:
        if not self._is_stripping:
            return text
        text = text.lstrip()
        self._is_stripping = not text
        return text

    def _hold_partial_close(self, text: str) -> str:
        """Keep white space and a possible beginning of the close tag back; returns the rest."""
        cut = len(text.rstrip())
        for n in range(min(len(text), len(CLOSE) - 1), 0, -1):
            if text.endswith(CLOSE[:n]):
                cut = len(text[:-n].rstrip())
                break
        self._held = text[cut:]
        return text[:cut]

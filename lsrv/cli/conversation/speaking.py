"""One answer: asked for, shown as it comes, and taken down."""

from __future__ import annotations

from dataclasses import dataclass

from lsrv.cli.client import JsonObject
from lsrv.cli.conversation.answering import Answering
from lsrv.cli.conversation.dialog import Dialog
from lsrv.cli.conversation.screen import Screen

CHAT = "/v1/chat/completions"


@dataclass
class Spoken:
    """What came of an answer, all of it or up to where it was stopped. `speed`: tokens per second; 0: not known."""

    text: str = ""
    finish_reason: str | None = None
    n_tokens: int = 0
    speed: float = 0.0

    @property
    def note(self) -> str:
        """What a person may want to know of it, in one line."""
        parts = [f"{self.n_tokens} tokens"] if self.n_tokens else []
        parts += [f"{self.speed:.1f} per second"] if self.speed else []
        parts += ["cut off: /set max_tokens, or a longer context"] if self.finish_reason == "length" else []
        return ", ".join(parts)


def speak(server: Answering, dialog: Dialog, screen: Screen, spoken: Spoken) -> None:
    """Ask for the next answer and show it. Raises LsrvError.

    `spoken` fills, also where an interrupt or an error is the end.
    """
    with screen:
        for chunk in server.stream(CHAT, dialog.body(stream=True)):
            _take(chunk, screen, spoken)


def _take(chunk: JsonObject, screen: Screen, spoken: Spoken) -> None:
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or {}
        if thought := delta.get("reasoning_content"):
            screen.think(str(thought))
        if text := delta.get("content"):
            spoken.text += str(text)
            screen.say(str(text))
        spoken.finish_reason = choice.get("finish_reason") or spoken.finish_reason
    if usage := chunk.get("usage"):
        spoken.n_tokens = int(usage.get("completion_tokens") or 0)
        spoken.speed = float(usage.get("avg_compl_tok_per_sec") or 0.0)

"""The parts of a grammar in llguidance's Lark, under names of their own. Knows no format.

https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md. A terminal matches as much as it can, and nothing
goes back: texts that run up to a mark are terminals that hold the mark, and hold it only once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import msgspec


class ControlToken(msgspec.Struct, frozen=True, array_like=True):
    """A token that no text is made of, and its name."""

    id: int
    name: str


MarkPiece = str | ControlToken
MarkPieces = Mapping[str, Sequence[MarkPiece]]  # what each mark is made of, in one vocabulary

ANYTHING = "/(?s:.*)/"


class Lark:
    """A grammar while it is written. What is said twice gets one name."""

    def __init__(self, pieces: MarkPieces) -> None:
        self._pieces = pieces
        self._names: dict[str, str] = {}
        self._lines: list[str] = []
        self._n_reserved = 0

    def source(self, start: str) -> str:
        return "\n".join([f"start: {start}", *self._lines])

    def rule(self, body: str) -> str:
        """The name of a rule of this body."""
        return self._named("r", body)

    def terminal(self, body: str) -> str:
        """The name of a terminal of this body: texts and regular expressions only."""
        return self._named("T", body)

    def lazy(self, body: str) -> str:
        """The name of a rule for the shortest text that this body of a terminal matches."""
        return self._named("r", body, "[lazy]")

    def reserve(self) -> str:
        """The name of a rule whose body is told later, for one that leads back to itself."""
        self._n_reserved += 1
        return f"s{self._n_reserved}"

    def define(self, name: str, body: str) -> None:
        self._lines.append(f"{name}: {body}")

    def _named(self, kind: str, body: str, options: str = "") -> str:
        key = kind + options + body
        if key not in self._names:
            self._names[key] = f"{kind}{len(self._names)}"
            self._lines.append(f"{self._names[key]}{options}: {body}")
        return self._names[key]

    def pieces(self, *texts: str) -> list[MarkPiece]:
        """Texts, one behind the other, as what they are made of: marks as their pieces, and all else as it is."""
        found: list[MarkPiece] = []
        for text in texts:
            for piece in self._pieces.get(text, [text] if text else []):
                last = found[-1] if found else None
                if isinstance(piece, str) and isinstance(last, str):
                    found[-1] = last + piece
                else:
                    found.append(piece)
        return found

    def fixed(self, *texts: str) -> str:
        """Exactly these texts, one behind the other."""
        return fixed(self.pieces(*texts))

    def until(self, mark: str, only: Sequence[str] = ()) -> str:
        """Any text up to a mark, and the mark. `only`: bodies of terminals, all of which the text must match."""
        return self.until_all([mark], only)

    def until_all(self, mark: Sequence[str], only: Sequence[str] = ()) -> str:
        """The same for a mark that is told in parts."""
        end, behind = _first_text(self.pieces(*mark))
        body = " & ".join([ANYTHING, without("".join(mark).strip()), *only])
        return f"{self.terminal(f'({body}) {end}' if end else body)} {fixed(behind)}".rstrip()


def fixed(pieces: Sequence[MarkPiece]) -> str:
    """Exactly these pieces; empty for none."""
    return " ".join(f"<[{piece.id}]>" if isinstance(piece, ControlToken) else quoted(piece) for piece in pieces)


def quoted(text: str) -> str:
    """A text in a body."""
    return json.dumps(text, ensure_ascii=False)


def without(text: str) -> str:
    """The body of a terminal that matches what doesn't hold `text`."""
    return f"~({ANYTHING} {quoted(text)} {ANYTHING})"


def pattern(source: str) -> str:
    """A regular expression in a body."""
    return "/" + re.sub(r"(?<!\\)((?:\\\\)*)/", r"\1\\/", source).replace("\n", "\\n") + "/"


def either(bodies: Sequence[str]) -> str:
    """Any one of these."""
    return bodies[0] if len(bodies) == 1 else "(" + " | ".join(bodies) + ")"


def _first_text(pieces: Sequence[MarkPiece]) -> tuple[str, Sequence[MarkPiece]]:
    """The text in front of the first control token, as a body, and the pieces behind it."""
    if pieces and isinstance(pieces[0], str):
        return quoted(pieces[0]), pieces[1:]
    return "", pieces

"""Where a long text is cut so that its parts have the tokens of the whole: for SentencePiece vocabularies. Pure.

llama.cpp puts a character that is no token into its bytes, and copies all tokens that it has found until then for each
(`resegment` reserves room for just those bytes): a megabyte of emoji took a minute. Parts of a text take as long as
they are, and so does the whole.

1. Tokens are joined only where the vocabulary has what comes of it. In front of a character that no token of several
   characters has nothing is ever joined: there a text may be cut.
2. llama.cpp puts a blank in front of every text, and behind every control token in it: the tokenizer drops that of a
   part again, which is always a token by itself there, unless the part before ends with a control token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

BLANK = "\u2581"  # what stands for a blank in such vocabularies

_N_CHARACTERS = 2048  # of a part, about: the copies of so few tokens cost nothing


class TextParts:
    """Cuts texts for one vocabulary."""

    def __init__(
        self, texts: Iterable[str], specials: Iterable[str], *, strips_before: bool, strips_behind: bool
    ) -> None:
        """`texts` of all tokens; `specials`: those found in a text before all others.

        `strips_before`, `strips_behind`: some of them take the white space away that stands there.
        """
        self._specials = tuple(specials)
        joined = {" ", BLANK}.union(*(text for text in texts if len(text) > 1), *self._specials)
        self._alone = re.compile(f"[^{_ranges(joined)}]")
        self._strips_before = strips_before
        self._strips_behind = strips_behind

    def of(self, text: str) -> Iterator[str]:
        """`text` in parts, each but the first of which begins where nothing is ever joined."""
        start = 0
        while len(text) - start > _N_CHARACTERS:
            end = self._next_cut(text, start)
            if end is None:
                break
            yield text[start:end]
            start = end
        yield text[start:]

    def ends_special(self, part: str) -> bool:
        """Whether a blank is put behind it: the last thing in it is one of the tokens that are found first."""
        return part.endswith(self._specials)

    def _next_cut(self, text: str, start: int) -> int | None:
        """Where the part that begins at `start` may end."""
        for found in self._alone.finditer(text, start + _N_CHARACTERS):
            if not self._may_be_stripped(text, start, found.start()):
                return found.start()
        return None

    def _may_be_stripped(self, text: str, start: int, at: int) -> bool:
        """Whether a token in one part could take white space of the other away."""
        if self._strips_before and text[at].isspace():
            return True
        is_in_space = text[at].isspace() or text[at - 1].isspace()
        return self._strips_behind and is_in_space and self.ends_special(text[start:at].rstrip())


def _ranges(characters: set[str]) -> str:
    """The inside of a character class of a regular expression."""
    codes = sorted(map(ord, characters))
    parts: list[str] = []
    first = last = codes[0]
    for code in [*codes[1:], -1]:
        if code == last + 1:
            last = code
            continue
        parts.append(f"\\U{first:08x}-\\U{last:08x}")
        first = last = code
    return "".join(parts)

"""How far the tokens of a prompt are scored, and which outputs of a batch that takes. Pure: counts in, counts out.

The logits of a token are about the one behind it: a prompt of n tokens has n - 1 scores, and its first token has none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PromptScores:
    """The scores of one prompt of `n_prompt` tokens, each with `n_top` likeliest ones beside it."""

    n_prompt: int
    n_top: int
    n_told: int = 0  # tokens whose scores were handed out, the first one with none

    @property
    def is_complete(self) -> bool:
        return self.n_told >= self.n_prompt

    def n_outputs(self, end: int) -> int:
        """How many outputs score something new, of a chunk that ends before position `end`: the last ones of it.

        That of the prompt's last token is not among them: what it is about is chosen, and not scored. A chunk may begin
        before what was scored already, where a sequence was preempted, but never behind it.
        """
        first = max(0, self.n_told - 1)
        return max(0, min(end, self.n_prompt - 1) - first)


def share_rows(n_wanting: int, n_rows: int) -> list[int]:
    """What each of `n_wanting` prompts, in order of turn, may have of the `n_rows` outputs of a step."""
    return [n_rows // n_wanting + (place < n_rows % n_wanting) for place in range(n_wanting)]

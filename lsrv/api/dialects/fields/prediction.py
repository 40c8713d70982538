"""What a request says its answer will mostly be.

https://platform.openai.com/docs/guides/predicted-outputs
"""

from __future__ import annotations

from typing import Literal

import msgspec


class PredictedPart(msgspec.Struct):
    type: Literal["text"]
    text: str


class PredictedAnswer(msgspec.Struct):
    type: Literal["content"]
    content: str | list[PredictedPart]


def prediction_of(given: PredictedAnswer | None) -> str | None:
    """The text of it; None: nothing is predicted."""
    if given is None:
        return None
    content = given.content
    return content if isinstance(content, str) else "".join(part.text for part in content)

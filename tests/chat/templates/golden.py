"""`python -m tests.chat.templates.golden`: what transformers makes of all conversations, as digests in golden.json.

Needs transformers (5.24 wrote what is there) and jinja2; the former is too large to be installed for the tests.
"""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chat.templates.conversations import CONVERSATIONS

PUBLISHED = sorted((Path(__file__).parent / "published").glob("*.jinja"))
GOLDEN = Path(__file__).with_name("golden.json")
REFUSED = "refused"


class FixedTime(datetime):
    """The clock that templates see."""

    @classmethod
    def now(cls, tz: Any = None) -> FixedTime:
        return cls(2026, 1, 2, 3, 4, 5, tzinfo=tz)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    import tokenizers
    import transformers
    from transformers.utils import chat_template_utils

    chat_template_utils.datetime = FixedTime
    empty = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<BOS>": 0, "<EOS>": 1}, unk_token="<BOS>"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=empty, bos_token="<BOS>", eos_token="<EOS>")

    def written(template: str, given: dict[str, Any]) -> str:
        given = {"add_generation_prompt": True, **copy.deepcopy(given)}
        try:
            text = tokenizer.apply_chat_template(given.pop("messages"), chat_template=template, tokenize=False, **given)
        except Exception:  # noqa: BLE001 - a stranger's code may raise anything
            return REFUSED
        return digest(text)

    assert written("{{ messages[0].content }}", {"messages": [{"content": "hi"}]}) == digest("hi"), "jinja2 is missing"
    found = {
        path.stem: {name: written(path.read_text(), given) for name, given in CONVERSATIONS.items()}
        for path in PUBLISHED
    }
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What a soak asks: questions whose answers are known, and bodies that must be refused. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

COMPLETIONS, CHATS = "/v1/completions", "/v1/chat/completions"
EMBEDDINGS, RERANK = "/v1/embeddings", "/v1/rerank"

_OPENINGS = ("Once upon a time", "Tom had a new toy car", "One day a big red ball", "The little dog was sad")
_SCHEMA = {
    "type": "object",
    "properties": {
        "animal": {"enum": ["dog", "cat", "bird"]},
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 1, "maximum": 99},
    },
    "required": ["animal", "name", "age"],
    "additionalProperties": False,
}
_FORM = {"type": "json_schema", "json_schema": {"name": "pet", "schema": _SCHEMA}}
_TEXTS = ("a cat sat on the mat", "how do I boil an egg?", "the moon is far away")


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """One request at temperature 0. `refusal`: the status and code of the error that it must get."""

    model: str
    route: str
    fields: dict[str, Any]
    refusal: tuple[int, str] | None = None

    @property
    def entry(self) -> str:
        """Whose worker answers: the model without its adapter."""
        return self.model.partition(":")[0]

    @property
    def can_stream(self) -> bool:
        return self.route in (COMPLETIONS, CHATS) and self.refusal is None

    def body(self, *, is_streaming: bool = False) -> dict[str, Any]:
        stream = {"stream": True, "stream_options": {"include_usage": True}} if is_streaming else {}
        return {"model": self.model, **self.fields, **stream}

    def __str__(self) -> str:
        return f"{self.model} {self.route} {str(self.fields)[:80]}"


def questions() -> list[Question]:
    """Those with an answer, of every entry that write_config knows."""
    return [
        *(each for model in ("plain", "lookup", "shared", "cached") for each in _of_stories(model)),
        *(each for model in ("demo", "demo:pirate") for each in _of_demo(model)),
        *(Question(model="embed", route=EMBEDDINGS, fields={"input": [*_TEXTS[:n]]}) for n in (1, 3)),
        *(
            Question(model="rerank", route=RERANK, fields={"query": query, "documents": [*_TEXTS]})
            for query in ("animals", "cooking")
        ),
    ]


def refused() -> list[Question]:
    """Wrong bodies, and what they must be told."""
    chat = {"messages": "Hello"}
    return [
        Question(model="nobody", route=CHATS, fields=chat, refusal=(404, "model_not_found")),
        Question(model="plain", route=CHATS, fields=chat | {"temperature": "hot"}, refusal=(400, "invalid_request")),
        Question(model="plain", route=CHATS, fields={}, refusal=(400, "invalid_request")),
        Question(model="embed", route=CHATS, fields=chat, refusal=(400, "capability_not_supported")),
        Question(
            model="shared",
            route=COMPLETIONS,
            fields={"prompt": "Lily went home. " * 300},
            refusal=(400, "context_length_exceeded"),
        ),
        Question(
            model="lookup",
            route=CHATS,
            fields=chat | {"json_schema": {"type": "string", "pattern": "(?=a)b"}},
            refusal=(400, "invalid_grammar"),
        ),
    ]


def _of_stories(model: str) -> list[Question]:
    alone = {"temperature": 0, "ignore_eos": True}
    return [
        *(
            Question(model=model, route=COMPLETIONS, fields=alone | {"prompt": text, "max_tokens": n_tokens})
            for text, n_tokens in zip(_OPENINGS, (400, 120, 60, 200), strict=True)
        ),
        *(
            Question(model=model, route=CHATS, fields=alone | {"messages": text, "max_tokens": 150})
            for text in _OPENINGS[:2]
        ),
        _form_of(model),
    ]


def _of_demo(model: str) -> list[Question]:
    return [
        *(
            Question(model=model, route=CHATS, fields={"temperature": 0, "messages": text, "max_tokens": 120})
            for text in ("Hello, who are you?", "What is the capital of France?", "Tell me about the sea.")
        ),
        _form_of(model),
    ]


def _form_of(model: str) -> Question:
    fields = {"temperature": 0, "messages": "A pet:", "max_tokens": 100, "response_format": _FORM}
    return Question(model=model, route=CHATS, fields=fields)

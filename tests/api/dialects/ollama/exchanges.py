"""Requests in Ollama's words whose answers are kept."""

from __future__ import annotations

from typing import Any

from tests.api.dialects.transcripts import Exchange
from tests.conftest import EMBEDDING, OTHER, TINY

GREEDY = {"temperature": 0, "num_predict": 8}
MESSAGES = [{"role": "user", "content": "Once upon a time"}]


def _chat(name: str, **body: Any) -> Exchange:
    return Exchange(name, "POST", "/api/chat", {"model": TINY, "messages": MESSAGES, "options": GREEDY} | body)


def _generate(name: str, **body: Any) -> Exchange:
    return Exchange(name, "POST", "/api/generate", {"model": TINY, "prompt": "Once upon", "options": GREEDY} | body)


EXCHANGES = (
    _chat("chat_stream"),
    _chat("chat_whole", stream=False),
    _chat("chat_latest", stream=False, model=f"{TINY}:latest"),
    _chat("chat_logprobs", stream=False, logprobs=True, top_logprobs=1, options=GREEDY | {"num_predict": 2}),
    _chat("chat_bound", stream=False, format={"enum": ["yes"]}, options={"temperature": 0}),
    _chat("chat_in_vain", stream=False, options=GREEDY | {"num_ctx": 8192, "num_gpu": 9, "num_keep": 5, "wat": 1}),
    _chat("load", messages=[]),
    _chat("unknown_model", model="nope"),
    _chat("image", messages=[{"role": "user", "content": "Look.", "images": ["iVBORw0KGgo="]}]),
    _chat("wrong_option", options={"temperature": "hot"}),
    _chat("wrong_format", format="xml"),
    _chat("too_long", messages=[{"role": "user", "content": "Once upon a time " * 200}]),
    _generate("generate_stream"),
    _generate("generate_raw", stream=False, raw=True),
    _generate("generate_template", template="{{ .Prompt }}"),
    Exchange("no_json", "POST", "/api/generate", "{"),
    Exchange("embed", "POST", "/api/embed", {"model": EMBEDDING, "input": ["a", "b"], "dimensions": 2}),
    Exchange("embed_by_a_writer", "POST", "/api/embed", {"model": TINY, "input": "a"}),
    Exchange("embeddings_of_nothing", "POST", "/api/embeddings", {"model": EMBEDDING, "prompt": ""}),
    Exchange("tags", "GET", "/api/tags"),
    Exchange("show", "POST", "/api/show", {"model": OTHER}),
    Exchange("show_unknown", "POST", "/api/show", {"name": "nope"}),
    Exchange("version", "GET", "/api/version"),
    Exchange("delete", "DELETE", "/api/delete", {"model": TINY}),
    Exchange("wrong_method", "GET", "/api/chat"),
)

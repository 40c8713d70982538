"""What a dialect answers, whole, as files that one can read. Refresh them: `python -m tests.api.dialects.transcripts`.

A room `tests/api/dialects/NAME/exchanges.py` lists its `EXCHANGES`; each has a file in `transcripts/` beside it. Ids,
times and durations are blanked. How many pieces a text comes in is a matter of time: neighbours of the same kind are
written as one.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import RunningServer, copies_of_stories

FOLDER = Path(__file__).parent
_BLANKED = (
    *("id", "item_id", "call_id", "request_id", "digest", "timings"),
    *("created", "created_at", "modified_at", "expires_at", "completed_at"),
    "sequence_number",  # counts pieces
    *("cached_tokens", "cache_read_input_tokens"),  # of whatever was asked before
)
_BLANKED_BESIDE = {"cache_read_input_tokens": "input_tokens"}  # the others of a prompt
_BLANKED_ENDS = ("_duration", "_ms", "_time_sec", "_per_sec", "_per_second", "tok_per_sec")
_TEXTS = ("content", "response", "thinking", "reasoning_content", "text", "delta", "partial_json", "arguments")
_LISTS = ("tokens", "completion_probabilities")
_COUNTS = ("tokens_predicted",)  # until now


@dataclass(frozen=True)
class Exchange:
    """One request; `body` is sent as JSON, a text as it is."""

    name: str
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


def transcript(server: RunningServer, exchange: Exchange) -> str:
    """Request and answer, as they go into a file."""
    body = exchange.body if isinstance(exchange.body, str) else json.dumps(exchange.body)
    headers = {"content-type": "application/json"} | exchange.headers
    sent: dict[str, Any] = {} if exchange.body is None else {"content": body.encode(), "headers": headers}
    answer = server.http.request(exchange.method, exchange.path, **sent)
    kind = answer.headers.get("content-type", "")
    lines = [f"{exchange.method} {exchange.path}", *([body] if sent else []), "", f"{answer.status_code} {kind}"]
    return "\n".join([*lines, *_readable(answer.text, kind)]) + "\n"


def _readable(text: str, kind: str) -> Iterator[str]:
    if not kind.startswith(("text/event-stream", "application/x-ndjson")):
        yield json.dumps(_blanked(json.loads(text)), indent=1, ensure_ascii=False) if "json" in kind else text
        return
    last: Any = None
    name = ""
    for line in text.splitlines():
        prefix, brace, rest = line.partition("{")
        if line.startswith("event:"):
            name = f"{line}\n"
            continue
        if not line or line.startswith(":"):
            continue
        if not brace:
            last = yield from _flushed(last)
            yield line
            continue
        event = [name + prefix, _blanked(json.loads(brace + rest))]
        name = ""
        merged = _merged(last, event)
        if merged is None:
            yield from _flushed(last)
        last = event if merged is None else merged
    yield from _flushed(last)


def _flushed(event: Any) -> Iterator[str]:
    if event is not None:
        yield event[0] + json.dumps(event[1], ensure_ascii=False)


def _merged(one: Any, other: Any) -> Any:
    """Both as one, if they differ in texts that belong together alone; None if not."""
    if one is None or type(one) is not type(other):
        return None
    if isinstance(one, dict):
        if one.keys() != other.keys() or ("arguments" not in one and _has_calls(one)):
            return None
        merged = {key: _merged_field(key, one[key], other[key]) for key in one}
        return None if any(value is None and one[key] is not None for key, value in merged.items()) else merged
    if isinstance(one, list):
        items = [_merged(a, b) for a, b in zip(one, other, strict=False)]
        return None if len(one) != len(other) or any(item is None for item in items) else items
    return one if one == other else None


def _merged_field(key: str, one: Any, other: Any) -> Any:
    if key in _TEXTS and isinstance(one, str) and isinstance(other, str):
        return one + other
    if key in _LISTS and isinstance(one, list) and isinstance(other, list):
        return one + other
    if key in _COUNTS:
        return other
    return one if one == other else _merged(one, other)


def _has_calls(event: dict[str, Any]) -> bool:
    return bool(event.get("tool_calls"))


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        beside = [other for key, other in _BLANKED_BESIDE.items() if key in value]
        return {key: "…" if _is_blanked(key) or key in beside else _blanked(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 2)  # processors round each in their own way
    return [_blanked(item) for item in value] if isinstance(value, list) else value


def _is_blanked(key: str) -> bool:
    return key in _BLANKED or key.endswith(_BLANKED_ENDS)


def all_exchanges() -> dict[Path, Exchange]:
    """By the file that keeps what came back."""
    rooms = sorted(path.parent for path in FOLDER.glob("*/exchanges.py"))
    return {
        room / "transcripts" / f"{exchange.name}.txt": exchange
        for room in rooms
        for exchange in importlib.import_module(f"tests.api.dialects.{room.name}.exchanges").EXCHANGES
    }


def main() -> None:
    """Write all files anew."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"server": {"port": 0, "spare_workers": 0}, "models": copies_of_stories(Path(folder))}
        server = RunningServer(settings, {})
        try:
            for path, exchange in all_exchanges().items():
                path.parent.mkdir(exist_ok=True)
                path.write_text(transcript(server, exchange))
        finally:
            server.stop()


if __name__ == "__main__":
    main()

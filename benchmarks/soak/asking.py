"""One request of a soak over HTTP, and all that a client can tell of what came back."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from benchmarks.soak.questions import COMPLETIONS, EMBEDDINGS, RERANK, Question

ANSWER_TIMEOUT_S = 120.0


@dataclass
class Answer:
    """What one request got. Exactly one of: `value` of a whole answer, `code` of an error, `lost`, `is_cancelled`."""

    began_at: float = field(default_factory=time.monotonic)
    ended_at: float = 0.0
    status: int = 0
    text: str = ""  # of a stream, as far as it came
    value: object = None  # the text, the vectors, or the scores in the order of documents
    code: str = ""
    message: str = ""
    lost: str = ""  # why there was no end
    is_cancelled: bool = False


OnText = Callable[[Question], Awaitable[None]]


async def ask(
    client: httpx.AsyncClient,
    question: Question,
    *,
    is_streaming: bool = False,
    cancel_after_s: float | None = None,
    fields: dict[str, Any] | None = None,
    on_text: OnText | None = None,
) -> Answer:
    """Send `question` and read to its end, or close the connection after `cancel_after_s`. Failures are told."""
    answer, body = Answer(), question.body(is_streaming=is_streaming) | (fields or {})
    try:
        async with asyncio.timeout(cancel_after_s or ANSWER_TIMEOUT_S):
            async with client.stream("POST", question.route, json=body) as response:
                answer.status = response.status_code
                if is_streaming and response.status_code == httpx.codes.OK:
                    await _read_stream(answer, response, question, on_text)
                else:
                    _read_whole(answer, await response.aread(), question)
    except TimeoutError:
        answer.is_cancelled = cancel_after_s is not None
        answer.lost = "" if answer.is_cancelled else f"no end within {ANSWER_TIMEOUT_S:.0f} s"
    except httpx.TransportError as error:
        answer.lost = repr(error)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        answer.lost = f"an answer that can't be read: {error!r}"
    answer.ended_at = time.monotonic()
    return answer


async def least_gap(client: httpx.AsyncClient, question: Question) -> float:
    """How far apart the two likeliest tokens are, in log-probability, where the answer is closest to a tie."""
    fields = {"logprobs": 2} if question.route == COMPLETIONS else {"logprobs": True, "top_logprobs": 2}
    response = await client.post(question.route, json=question.body() | fields, timeout=ANSWER_TIMEOUT_S)
    told = response.raise_for_status().json()["choices"][0]["logprobs"]
    tops = told["top_logprobs"] if question.route == COMPLETIONS else [_by_token(each) for each in told["content"]]
    likeliest = (sorted(top.values(), reverse=True) for top in tops)
    return min((first - second for first, second, *_ in likeliest), default=math.inf)


def _by_token(told: dict[str, Any]) -> dict[str, float]:
    return {str(top["bytes"]): top["logprob"] for top in told["top_logprobs"]}


async def _read_stream(answer: Answer, response: httpx.Response, question: Question, on_text: OnText | None) -> None:
    async for line in response.aiter_lines():
        payload = line.removeprefix("data:").strip()
        if not line.startswith("data:"):
            continue
        if payload == "[DONE]":
            answer.value = answer.text
            return
        event = json.loads(payload)
        if "error" in event:
            _read_error(answer, event)
            return
        had_text = bool(answer.text)
        answer.text += "".join(_text(choice) for choice in event["choices"])
        if on_text is not None and answer.text and not had_text:
            await on_text(question)
    answer.lost = "the stream has no end"


def _read_whole(answer: Answer, content: bytes, question: Question) -> None:
    body = json.loads(content)
    if answer.status != httpx.codes.OK:
        _read_error(answer, body)
    elif question.route == EMBEDDINGS:
        answer.value = [each["embedding"] for each in body["data"]]
    elif question.route == RERANK:
        scores = sorted(body["results"], key=lambda each: each["index"])
        answer.value = [[each["relevance_score"] for each in scores]]
    else:
        answer.value = "".join(_text(choice) for choice in body["choices"])


def _read_error(answer: Answer, body: dict[str, Any]) -> None:
    answer.code, answer.message = body["error"]["code"], body["error"]["message"]


def _text(choice: dict[str, Any]) -> str:
    said = choice.get("delta") or choice.get("message") or choice
    return (said.get("text") or "") + (said.get("content") or "")

"""An internal Generate, answered by a real server over HTTP: what dialects other than OpenAI's use."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy
import openai
import pytest
from msgspec.structs import replace

from lsrv.config import ModelSettings, ServerSettings, Settings
from lsrv.errors import NothingToLoadError, UnsupportedParameterError, UpstreamError
from lsrv.protocol.commands import AdapterChoice, Embed, Generate, Grammar, Sampling, ToolUse
from lsrv.protocol.events import CallDelta, Delta, Finished
from lsrv.registry import Lease, assemble
from lsrv.registry.upstream.openai_words import path_and_body
from tests.conftest import EMBEDDING, TINY, RunningServer
from tests.upstream_server import UpstreamServer

pytestmark = pytest.mark.anyio

CHAT = Generate(
    request_id=0,
    messages=[{"role": "user", "content": "Once upon a time"}],
    sampling=Sampling(temperature=0.0, logit_bias={13: -100.0}, text_bias={"Lily": -5.0}),
    max_tokens=16,
    stop=["zebra"],
    n_top_logprobs=1,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextlib.asynccontextmanager
async def leased(base_url: str, model: str) -> AsyncIterator[Lease]:
    upstream: Any = {"base_url": base_url, "model": model}
    entry = ModelSettings(model_id="far", kind="upstream", upstream=upstream)
    registry = assemble(Settings(server=ServerSettings(spare_workers=0), models=(entry,)))
    await registry.start()
    try:
        async with registry.acquire("far") as lease:
            yield lease
    finally:
        await registry.close()


async def events_of(lease: Lease, command: Generate) -> list[object]:
    stream, events = lease.generate(command), list[object]()
    while batch := await stream.next_batch():
        events += batch
    return events


async def test_a_chat_comes_back_as_events(server: RunningServer, client: openai.OpenAI) -> None:
    there = client.chat.completions.create(
        model=TINY,
        messages=CHAT.messages,
        max_tokens=16,
        temperature=0,
        logit_bias={"13": -100, "Lily": -5},
        stop=["zebra"],
    )  # pyright: ignore[reportArgumentType, reportCallIssue]
    async with leased(server.url, TINY) as lease:
        *deltas, end = await events_of(lease, CHAT)
    assert isinstance(end, Finished) and all(isinstance(delta, Delta) for delta in deltas)
    assert "".join(delta.text for delta in deltas) == there.choices[0].message.content  # pyright: ignore
    assert (end.text, end.finish_reason, end.usage.n_completion_tokens) == ("", "length", 16)
    tokens = [token for delta in deltas for token in delta.logprobs or []]  # pyright: ignore
    assert b"".join(token.raw for token in tokens).decode() == there.choices[0].message.content
    assert all(len(token.top) == 1 for token in tokens)


async def test_an_answer_in_one_piece_carries_everything(server: RunningServer, client: openai.OpenAI) -> None:
    prompt = Generate(
        request_id=0, prompt="Once", sampling=Sampling(temperature=0.0), max_tokens=8, n_top_logprobs=2,
        is_streaming=False,
    )  # fmt: skip
    there = client.completions.create(model=TINY, prompt="Once", max_tokens=8, temperature=0)
    async with leased(server.url, TINY) as lease:
        end = await lease.generate(prompt).finished()
    assert (end.text, end.finish_reason) == (there.choices[0].text, "length")
    assert end.usage.n_prompt_tokens == there.usage.prompt_tokens  # pyright: ignore
    assert end.logprobs is not None and [len(token.top) for token in end.logprobs] == [2] * 8


async def test_vectors_come_back_in_order(server: RunningServer, client: openai.OpenAI) -> None:
    there = client.embeddings.create(model=EMBEDDING, input=["a cat", "a dog"], encoding_format="float")
    async with leased(server.url, EMBEDDING) as lease:
        found = await lease.embed(Embed(request_id=0, inputs=["a cat", "a dog"]))
    vectors = [numpy.frombuffer(raw, "<f4") for raw in found.vectors]
    numpy.testing.assert_allclose(vectors, [each.embedding for each in there.data], atol=1e-6)


async def test_documents_are_scored_in_the_order_they_came() -> None:
    with UpstreamServer() as upstream:
        async with leased(upstream.base_url("ranking"), "their-reranker") as lease:
            found = await lease.rerank("q", ["one", "two", "three"])
        (sent,) = upstream.requests_to("ranking")
    assert sent.path == "/ranking/v1/rerank"
    assert sent.body == {"model": "their-reranker", "query": "q", "documents": ["one", "two", "three"]}
    assert (found.scores, found.n_prompt_tokens) == ([0.25, 0.5, 0.75], 9)


async def test_scores_of_other_documents_than_were_sent_are_an_error() -> None:
    with UpstreamServer() as upstream:
        async with leased(upstream.base_url("good"), "x") as lease:
            with pytest.raises(UpstreamError, match="does not follow OpenAI's API"):
                await lease.rerank("q", ["one"])


async def test_a_json_schema_travels(server: RunningServer) -> None:
    schema = (
        '{"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": false}'
    )
    command = Generate(
        request_id=0, messages=CHAT.messages, grammar=Grammar("json_schema", schema, "response_format"), max_tokens=40
    )
    async with leased(server.url, TINY) as lease:
        *deltas, _ = await events_of(lease, command)
    assert set(json.loads("".join(delta.text for delta in deltas))) == {"a"}  # pyright: ignore


@pytest.mark.parametrize(
    "field",
    [{"grammar": Grammar("regex", "a+", "grammar")}, {"adapters": [AdapterChoice("pirate", 1.0)]}],
    ids=lambda each: str(*each),
)
async def test_what_can_not_travel_is_refused_by_name(server: RunningServer, field: dict[str, Any]) -> None:
    async with leased(server.url, TINY) as lease:
        with pytest.raises(UnsupportedParameterError, match=f"{next(iter(field))}.* can't be sent to an upstream"):
            lease.generate(Generate(request_id=0, prompt="x", **field))


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"template_kwargs": {"enable_thinking": True, "reasoning_effort": "high"}}, {"reasoning_effort": "high"}),
        ({"template_kwargs": {"enable_thinking": True}, "reasoning_budget": 1024}, {"reasoning_effort": "low"}),
        ({"template_kwargs": {"enable_thinking": True}, "reasoning_budget": 2048}, {"reasoning_effort": "medium"}),
        ({"reasoning_budget": 4096}, {"reasoning_effort": "high"}),
        ({"reasoning_budget": 0}, {"reasoning_effort": "none"}),
        ({"template_kwargs": {"enable_thinking": True}}, {"chat_template_kwargs": {"enable_thinking": True}}),
        (
            {"template_kwargs": {"enable_thinking": False}, "reasoning_budget": 9},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
    ],
    ids=str,
)
def test_how_much_is_to_be_thought_travels_in_openais_word(asked: dict[str, Any], sent: dict[str, Any]) -> None:
    """A strict server knows no variables of templates."""
    _, body = path_and_body(replace(CHAT, **asked), "m")
    assert {name: body[name] for name in ("reasoning_effort", "chat_template_kwargs") if name in body} == sent


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ({"earlier_tokens": [1]}, "context"),
        ({"n_prompt_logprobs": 1}, "prompt_logprobs"),
        ({"prompt_parts": ["a", 1]}, "prompt"),
    ],
    ids=str,
)
def test_what_can_not_travel_is_named_as_clients_name_it(field: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameterError, match=param) as caught:
        path_and_body(Generate(request_id=0, prompt="x", **field), "m")
    assert caught.value.param == param and next(iter(field)) not in caught.value.message.split()


async def test_priority_has_its_effect_here_and_does_not_travel() -> None:
    """vLLM counts the other way round, and answers 400 where it is not set up for it."""
    with UpstreamServer() as upstream:
        async with leased(upstream.base_url("good"), "m") as lease:
            await lease.generate(replace(CHAT, priority=3, is_streaming=False)).finished()
        (sent,) = upstream.requests_to("good")
    assert sent.body["max_tokens"] == 16 and "priority" not in sent.body


@pytest.mark.parametrize("is_streaming", [True, False])
async def test_tools_travel_and_calls_come_back(is_streaming: bool) -> None:
    use = ToolUse(tools=[{"type": "function", "function": {"name": "weather"}}], names=["weather"])
    command = replace(CHAT, tool_use=use, is_streaming=is_streaming)
    with UpstreamServer() as upstream:
        async with leased(upstream.base_url("good"), "m") as lease:
            events = await events_of(lease, command) if is_streaming else [await lease.generate(command).finished()]
        (sent,) = upstream.requests_to("good")
    assert sent.body["tools"] == use.tools and sent.body["tool_choice"] == "auto"
    assert events[0].calls == [CallDelta(0, '{"city": "Rome"}', "weather", "call_1")]  # pyright: ignore
    assert events[-1].finish_reason == "tool_calls"  # pyright: ignore


async def test_an_answer_of_another_shape_is_an_error() -> None:
    with UpstreamServer() as upstream:
        async with leased(upstream.base_url("good"), "x") as lease:
            with pytest.raises(UpstreamError, match="does not follow OpenAI's API"):
                await lease.embed(Embed(request_id=0, inputs=["x"]))


async def test_there_is_nothing_to_pull() -> None:
    entry = ModelSettings(model_id="far", kind="upstream", upstream={"base_url": "http://127.0.0.1:9"})  # pyright: ignore
    registry = assemble(Settings(models=(entry,)))
    with pytest.raises(NothingToLoadError):
        registry.pull("far")

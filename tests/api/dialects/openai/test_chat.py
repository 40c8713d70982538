"""/v1/chat/completions through OpenAI's client and over bare HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.conftest import OTHER, TINY, RunningServer

CHAT: list[Any] = [{"role": "user", "content": "Once upon a time"}]


def events_of(text: str) -> list[dict[str, Any]]:
    """The JSON events of an SSE body; its [DONE] must be there, and be the last."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def post(server: RunningServer, **body: Any) -> Any:
    return server.http.post("/v1/chat/completions", json={"model": TINY, "messages": CHAT, "max_tokens": 8} | body)


def test_an_answer_has_content_finish_reason_and_usage(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=TINY, messages=CHAT, max_tokens=8, temperature=0)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8


def test_a_stream_says_what_the_whole_answer_says(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=TINY, messages=CHAT, max_tokens=24, temperature=0)
    stream = client.chat.completions.create(model=TINY, messages=CHAT, max_tokens=24, temperature=0, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == whole.choices[0].message.content


def test_a_stream_begins_with_the_role_and_every_delta_has_content(server: RunningServer) -> None:
    events = events_of(post(server, stream=True).text)
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all("content" in event["choices"][0]["delta"] for event in events)


def test_a_stream_keeps_id_created_and_model(server: RunningServer) -> None:
    events = events_of(post(server, stream=True).text)
    assert len({(event["id"], event["created"], event["model"]) for event in events}) == 1
    assert events[0]["model"] == TINY


def test_a_stream_says_its_finish_reason_once(server: RunningServer) -> None:
    events = events_of(post(server, stream=True).text)
    reasons = [event["choices"][0]["finish_reason"] for event in events]
    assert reasons[-1] == "length"
    assert [reason for reason in reasons if reason] == ["length"]


def test_a_stream_ends_with_usage_if_asked(server: RunningServer) -> None:
    events = events_of(post(server, stream=True, stream_options={"include_usage": True}).text)
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == 8
    assert all(event["usage"] is None for event in events[:-1])


def test_a_stream_has_no_usage_unless_asked(server: RunningServer) -> None:
    assert not any("usage" in event for event in events_of(post(server, stream=True).text))


def test_timings_come_in_llama_cpp_names(server: RunningServer) -> None:
    timings = post(server, cache_prompt=False).json()["timings"]
    assert timings["predicted_n"] == 8
    assert timings["cache_n"] == 0
    assert timings["prompt_n"] > 0
    assert timings["predicted_per_second"] > 0


def test_usage_counts_cached_tokens(server: RunningServer) -> None:
    post(server)
    usage = post(server).json()["usage"]
    assert 0 < usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]


def test_messages_may_be_a_string(server: RunningServer) -> None:
    assert post(server, messages="Once").status_code == 200


def test_text_parts_are_lines_and_developer_means_system(server: RunningServer) -> None:
    parts = [{"type": "text", "text": "Once upon"}, {"type": "text", "text": "a time"}]
    of_parts = post(server, messages=[{"role": "developer", "content": parts}], temperature=0).json()
    of_text = post(server, messages=[{"role": "system", "content": "Once upon\na time"}], temperature=0).json()
    assert of_parts["choices"][0]["message"] == of_text["choices"][0]["message"]


def test_no_model_and_default_mean_the_first_entry(server: RunningServer) -> None:
    for body in ({"messages": CHAT, "max_tokens": 1}, {"messages": CHAT, "max_tokens": 1, "model": "default"}):
        assert server.http.post("/v1/chat/completions", json=body).json()["model"] == TINY


def test_the_canonical_id_answers_under_the_listed_one(server: RunningServer) -> None:
    assert post(server, model=server.model_path(TINY)).json()["model"] == TINY


def test_unknown_fields_are_harmless(server: RunningServer) -> None:
    assert post(server, user="u", metadata={"a": "b"}, store=True, no_such_field=[1]).status_code == 200


def test_max_completion_tokens_wins_over_max_tokens(server: RunningServer) -> None:
    assert post(server, max_tokens=5, max_completion_tokens=3).json()["usage"]["completion_tokens"] == 3


def test_the_same_seed_gives_the_same_text(server: RunningServer) -> None:
    texts = {
        post(server, seed=7, temperature=1.5, max_tokens=16).json()["choices"][0]["message"]["content"] for _ in "ab"
    }
    assert len(texts) == 1


def test_several_choices_differ_and_count_the_prompt_once(server: RunningServer) -> None:
    one = post(server, seed=1, temperature=1.5, max_tokens=16).json()
    answer = post(server, n=3, seed=1, temperature=1.5, max_tokens=16).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in answer["choices"]}) == 3
    assert answer["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]
    assert answer["usage"]["completion_tokens"] == 48


def test_several_choices_stream_side_by_side(server: RunningServer) -> None:
    events = events_of(post(server, n=3, seed=1, stream=True).text)
    finished = sorted(event["choices"][0]["index"] for event in events if event["choices"][0]["finish_reason"])
    assert finished == [0, 1, 2]


def test_a_stop_string_that_is_a_control_token_ends_the_answer(server: RunningServer) -> None:
    bos = server.http.post("/v1/tokenize", json={"content": "", "add_special": True}).json()["tokens"]
    asked = {"logit_bias": {str(bos[0]): 100}, "max_tokens": 4, "temperature": 0}
    unstopped = post(server, **asked).json()
    stopped = post(server, stop=["girl", "<s>"], **asked).json()
    assert (unstopped["choices"][0]["finish_reason"], unstopped["usage"]["completion_tokens"]) == ("length", 4)
    assert (stopped["choices"][0]["finish_reason"], stopped["usage"]["completion_tokens"]) == ("stop", 1)


def test_a_stop_string_ends_the_answer_and_is_left_out(server: RunningServer) -> None:
    whole = post(server, temperature=0, max_tokens=32).json()["choices"][0]["message"]["content"]
    stop = whole[10:14]
    choice = post(server, temperature=0, max_tokens=32, stop=stop).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == whole[: whole.index(stop)]


def test_logprobs_name_tokens_and_alternatives(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=TINY, messages=CHAT, max_tokens=4, temperature=0, logprobs=True, top_logprobs=3
    )
    assert answer.choices[0].logprobs is not None
    tokens = answer.choices[0].logprobs.content or []
    assert len(tokens) == 4
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in tokens)
    assert "".join(token.token for token in tokens) == answer.choices[0].message.content


def test_logprobs_stream_one_per_token(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=TINY, messages=CHAT, max_tokens=4, temperature=0, logprobs=True, stream=True
    )
    logprobs = [chunk.choices[0].logprobs for chunk in stream]
    assert sum(len(part.content or []) for part in logprobs if part is not None) == 4


def test_logit_bias_forbids_a_token(server: RunningServer) -> None:
    first = post(server, temperature=0, max_tokens=1, logprobs=True).json()
    piece = first["choices"][0]["logprobs"]["content"][0]["token"]
    ids = server.http.post("/tokenize", json={"content": "Once upon a time" + piece, "model": TINY}).json()["tokens"]
    other = post(server, temperature=0, max_tokens=1, logit_bias={str(token): -100 for token in ids}).json()
    assert other["choices"][0]["message"]["content"] != first["choices"][0]["message"]["content"]


@pytest.mark.parametrize("form", ["object", "pairs"])
def test_logit_bias_takes_texts_as_well(server: RunningServer, form: str) -> None:
    first = post(server, temperature=0, max_tokens=1, logprobs=True).json()
    piece = first["choices"][0]["logprobs"]["content"][0]["token"].strip()  # the vocabulary adds the blank
    bias: object = {piece: -100} if form == "object" else [[piece, False]]
    other = post(server, temperature=0, max_tokens=1, logit_bias=bias).json()
    assert other["choices"][0]["message"]["content"] != first["choices"][0]["message"]["content"]


def test_two_models_stream_at_once(server: RunningServer) -> None:
    async def text(client: openai.AsyncOpenAI, model: str) -> str:
        stream = await client.chat.completions.create(model=model, messages=CHAT, max_tokens=64, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def both() -> list[str]:
        async with server.async_openai() as client:
            return await asyncio.gather(*(text(client, model) for model in (TINY, OTHER, TINY, OTHER)))

    assert all(asyncio.run(both()))


def test_the_unversioned_route_answers_too(server: RunningServer) -> None:
    answer = server.http.post("/chat/completions", json={"messages": CHAT, "max_tokens": 1})
    assert answer.json()["object"] == "chat.completion"


@pytest.mark.parametrize("value", [[], None])
def test_empty_tools_are_no_tools(server: RunningServer, value: object) -> None:
    assert post(server, tools=value, tool_choice="none").status_code == 200


def test_an_image_is_refused_with_its_place(server: RunningServer) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    answer = post(server, messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, image]}])
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages[0].content[1]"
    assert answer.json()["error"]["code"] == "capability_not_supported"


@pytest.mark.parametrize("is_streaming", [False, True])
def test_a_prompt_that_does_not_fit_is_a_400_with_both_numbers(server: RunningServer, is_streaming: bool) -> None:
    answer = post(server, messages="word " * 2000, stream=is_streaming)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["code"] == "context_length_exceeded"
    assert error["n_prompt_tokens"] > error["n_ctx"] > 0
    assert answer.headers["x-should-retry"] == "false"


def test_an_unknown_model_is_a_404_that_lists_the_known_ones(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nope", messages=CHAT)
    assert caught.value.code == "model_not_found"
    assert TINY in caught.value.message
    assert OTHER in caught.value.message

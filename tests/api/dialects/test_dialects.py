"""The pure parts: defaults under a request, events to bytes, errors to statuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsrv import errors
from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.openai.chat import parse_chat
from lsrv.api.dialects.openai.completion import parse_completion
from lsrv.api.dialects.openai.usage import timings_object, usage_object
from lsrv.api.http.errors import OPENAI_ERRORS, error_response, status_of
from lsrv.config.entry.answering import DefaultSettings
from lsrv.protocol.commands import Generate, Sampling
from lsrv.protocol.events import Delta, Finished, Usage
from lsrv.serving.defaults import fill_defaults
from lsrv.serving.usage import total_usage

USAGE = Usage(10, 4, 5, 2, 0.5, 0.25, 0.5)


def chat(**body: Any) -> Generate:
    return parse_chat(json.dumps({"messages": "a"} | body).encode()).commands[0]


def finished(text: str = "", usage: Usage = USAGE) -> Finished:
    return Finished(1, "stop", text, "", usage)


def events(data: bytes) -> list[Any]:
    return [json.loads(line.removeprefix("data: ")) for line in data.decode().split("\n\n") if line]


def test_what_a_request_leaves_open_comes_from_the_entry() -> None:
    defaults = DefaultSettings(temperature=0.5, top_k=3, max_tokens=7, stop=("x",), seed=1)
    filled = fill_defaults(chat(temperature=0.9), defaults, seed=42, choice=0)
    assert filled.sampling == Sampling(temperature=0.9, top_k=3, seed=1)
    assert (filled.max_tokens, filled.stop) == (7, ["x"])


def test_a_seed_is_the_requests_then_the_entrys_then_the_servers() -> None:
    seeds = [
        fill_defaults(command, defaults, seed=42, choice=0).sampling.seed
        for command, defaults in [
            (chat(seed=0), DefaultSettings(seed=1)),
            (chat(), DefaultSettings(seed=1)),
            (chat(), DefaultSettings()),
            (chat(seed=-1), DefaultSettings(seed=1)),
        ]
    ]
    assert seeds == [0, 1, 42, None]


def test_choices_sample_with_following_seeds() -> None:
    filled = [fill_defaults(chat(seed=2**32 - 1), DefaultSettings(), seed=None, choice=i) for i in range(2)]
    assert [command.sampling.seed for command in filled] == [2**32 - 1, 0]


def test_the_entrys_system_message_goes_first_unless_there_is_one() -> None:
    defaults = DefaultSettings(system="Be kind.")
    with_own = chat(messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "a"}])
    assert (fill_defaults(chat(), defaults, seed=None, choice=0).messages or [])[0]["content"] == "Be kind."
    assert fill_defaults(with_own, defaults, seed=None, choice=0).messages == with_own.messages


@pytest.mark.parametrize(
    ("body", "kwargs"),
    [
        ({}, {}),
        ({"reasoning_effort": "none"}, {"enable_thinking": False}),
        ({"reasoning_effort": "high"}, {"enable_thinking": True, "reasoning_effort": "high"}),
        (
            {"reasoning_effort": "high", "enable_thinking": False},
            {"enable_thinking": False, "reasoning_effort": "high"},
        ),
        ({"enable_thinking": True, "chat_template_kwargs": {"enable_thinking": False}}, {"enable_thinking": False}),
    ],
)
def test_thinking_switches_become_template_arguments(body: dict[str, Any], kwargs: dict[str, Any]) -> None:
    assert chat(**body).template_kwargs == kwargs


def test_tool_messages_of_the_history_reach_the_template() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "5", "tool_call_id": "1"},
    ]
    assert chat(messages=messages).messages == [messages[0] | {"content": ""}, messages[1]]


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"tool_calls": [{"id": "1"}]}, "tool_calls[0].function"),
        ({"tool_calls": [{"function": {"name": "f"}}, {"function": {}}]}, "tool_calls[1].function.name"),
        ({"tool_calls": [{"function": {"name": "f", "arguments": 1}}]}, "tool_calls[0].function.arguments"),
        ({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 2**70}}}]}, "tool_calls"),
        ({"function_call": {"arguments": "{}"}}, "function_call.name"),
    ],
)
def test_a_call_of_the_history_that_is_none_is_named_by_its_place(said: dict[str, Any], param: str) -> None:
    with pytest.raises(errors.RequestError) as caught:
        chat(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": None} | said])
    assert caught.value.param == f"messages[1].{param}"


def test_functions_of_the_history_reach_the_template_as_tools() -> None:
    call = {"name": "f", "arguments": "{}"}
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "f", "content": "5"},
    ]
    assert chat(messages=messages).messages == [
        messages[0],
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "name": "f", "content": "5", "tool_call_id": "call_1"},
    ]


def test_llama_cpp_names_are_understood() -> None:
    command = parse_completion(b'{"prompt":"a","n_predict":5,"repetition_penalty":1.1,"n_probs":3}').commands[0]
    assert (command.max_tokens, command.sampling.repeat_penalty, command.n_top_logprobs) == (5, 1.1, 3)


def test_minus_one_means_until_the_context_is_full() -> None:
    assert chat(max_tokens=-1).max_tokens is None


def test_reasoning_stays_apart_from_content() -> None:
    reply = parse_chat(b'{"messages":"a"}').make_reply(Heading("m", 1))
    (event,) = events(reply.delta(0, Delta(1, "", "hm")))
    assert event["choices"][0]["delta"] == {"content": "", "reasoning_content": "hm"}
    body = json.loads(reply.body([Finished(1, "stop", "Yes", "hm", USAGE)]))
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Yes",
        "refusal": None,
        "reasoning_content": "hm",
    }


def test_text_that_looks_like_sse_stays_inside_its_event() -> None:
    reply = parse_chat(b'{"messages":"a"}').make_reply(Heading('m"\n', 1))
    text = 'data: [DONE]\n\n"\\\x00\u2028é'
    (event,) = events(reply.delta(0, Delta(1, text)))
    assert event["choices"][0]["delta"]["content"] == text
    assert event["model"] == 'm"\n'


def test_text_that_comes_with_the_end_is_not_lost() -> None:
    reply = parse_chat(b'{"messages":"a"}').make_reply(Heading("m", 1))
    first, last = events(reply.finish(0, finished("rest")))
    assert first["choices"][0]["delta"]["content"] == "rest"
    assert (first["choices"][0]["finish_reason"], last["choices"][0]["finish_reason"]) == (None, "stop")


def test_the_last_chunk_of_a_plain_stream_has_timings() -> None:
    reply = parse_chat(b'{"messages":"a"}').make_reply(Heading("m", 1))
    assert events(reply.finish(0, finished()))[-1]["timings"]["predicted_n"] == 5


def test_usage_counts_every_prompt_once_and_every_choice() -> None:
    total = total_usage([finished()] * 6, n_choices=3)
    assert (total.n_prompt_tokens, total.n_cached_tokens, total.n_completion_tokens) == (20, 8, 30)
    assert total.decode_s == 0.5


def test_usage_and_timings_have_rates() -> None:
    assert usage_object(USAGE)["avg_compl_tok_per_sec"] == 8
    assert usage_object(USAGE)["avg_prompt_tok_per_sec"] == 24
    assert timings_object(USAGE)["prompt_n"] == 6
    assert timings_object(USAGE)["predicted_per_second"] == 8


def test_a_time_of_zero_is_no_division_by_zero() -> None:
    nothing = Usage(1, 1, 1, 0, 0.0, 0.0, 0.0)
    assert usage_object(nothing)["avg_tok_per_sec"] == 0
    assert timings_object(nothing)["predicted_per_second"] == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.RequestError("x"), 400),
        (errors.PromptTooLongError("x"), 400),
        (errors.ModelNotFoundError("x"), 404),
        (errors.ModelDisabledError("x"), 409),
        (errors.QueueFullError("x"), 429),
        (errors.DrainingError("x"), 503),
        (errors.NotEnoughMemoryError("x"), 507),
        (errors.CrashedError("x"), 503),
        (errors.LoadFailedError("x"), 503),
        (errors.UnresponsiveError("x"), 504),
        (errors.AbortedError("x"), 503),
        (errors.WeightsNotFoundError("x"), 500),
        (errors.LsrvError("x"), 500),
    ],
)
def test_every_error_has_its_status(error: errors.LsrvError, status: int) -> None:
    assert status_of(error) == status


def test_only_what_may_work_later_may_be_retried() -> None:
    later = dict(error_response(errors.QueueFullError("x", retry_after_s=2.1), OPENAI_ERRORS).headers)
    never = dict(error_response(errors.RequestError("x"), OPENAI_ERRORS).headers)
    assert later[b"retry-after"] == b"3"
    assert b"x-should-retry" not in later
    assert never[b"x-should-retry"] == b"false"
    broken = dict(error_response(errors.CorruptWeightsError("x", retry_after_s=1), OPENAI_ERRORS).headers)
    assert (broken.get(b"retry-after"), broken[b"x-should-retry"]) == (None, b"false")


def test_numbers_behind_an_error_are_told_and_logs_are_not() -> None:
    error = errors.LoadFailedError("x", log=["secret path"], signal=11)
    told = json.loads(error_response(error, OPENAI_ERRORS).body)["error"]
    assert told["signal"] == 11
    assert "log" not in told

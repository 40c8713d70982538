"""llama-server's bodies become commands: prompts, samplers, limits, errors. No model."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv import errors
from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.llamaserver.completion_body import is_native, parse_llama_completion
from lsrv.api.dialects.llamaserver.infill_body import parse_infill
from lsrv.api.dialects.llamaserver.wording import LLAMA_SERVER_ERRORS
from lsrv.errors import LsrvError, RequestError, UnsupportedParameterError
from lsrv.protocol.commands import Infill, OtherFile

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    "prompt",
    "n_predict",
    "stop",
    "n_probs",
    "samplers",
    "response_fields",
    "lora",
    "grammar",
    "logit_bias",
    "seed",
)


def completion(**body: Any) -> DialectRequest:
    return parse_llama_completion(json.dumps({"prompt": "a"} | body).encode())


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", ["a"]),
        ([1, 2], [[1, 2]]),
        (["a", "b"], ["a", "b"]),
        ([[1, 2], "a", {"prompt_string": "b"}], [[1, 2], "a", "b"]),
    ],
)
def test_prompts_are_texts_ids_objects_or_lists_of_them(prompt: object, prompts: list[object]) -> None:
    assert [command.prompt for command in completion(prompt=prompt).commands] == prompts


@pytest.mark.parametrize("prompt", [[1, "a", 2], [[1, "a", 2]]])
def test_texts_between_ids_are_one_prompt(prompt: object) -> None:
    (command,) = completion(prompt=prompt).commands
    assert (command.prompt, command.prompt_parts) == (None, [1, "a", 2])


def test_each_prompt_has_as_many_answers_as_n_cmpl_says() -> None:
    request = completion(prompt=["a", "b"], n_cmpl=2)
    assert [command.prompt for command in request.commands] == ["a", "a", "b", "b"]
    assert request.n_choices == 2


@pytest.mark.parametrize(("n_predict", "limit"), [(-2, None), (-1, None), (0, 0), (7, 7), (None, None)])
def test_n_predict_below_zero_means_until_the_context_is_full(n_predict: int | None, limit: int | None) -> None:
    assert completion(n_predict=n_predict).commands[0].max_tokens == limit


def test_a_temperature_below_zero_is_none() -> None:
    assert completion(temperature=-1).commands[0].sampling.temperature == 0


@pytest.mark.parametrize("samplers", [["top_k", "temperature"], "kt", ["top-k", "temp"]])
def test_samplers_that_are_not_named_have_no_effect(samplers: object) -> None:
    request = completion(samplers=samplers, top_k=5, top_p=0.5, temperature=0.7, repeat_penalty=1.5)
    sampling = request.commands[0].sampling
    assert (sampling.top_k, sampling.temperature) == (5, 0.7)
    assert (sampling.top_p, sampling.min_p, sampling.repeat_penalty, sampling.dry_multiplier) == (1, 0, 1, 0)
    assert not request.notes


def test_an_order_of_samplers_that_is_not_ours_is_noted() -> None:
    assert completion(samplers=["temperature", "top_k"]).notes


def test_what_has_no_effect_is_noted_if_it_asks_for_something() -> None:
    assert [note.partition(":")[0] for note in completion(id_slot=2, n_keep=5, min_keep=0).notes] == [
        "id_slot",
        "n_keep",
    ]
    assert not completion(id_slot=-1, n_keep=0, timings_per_token=False).notes


def test_a_time_limit_is_in_seconds_and_zero_is_none() -> None:
    assert completion(t_max_predict_ms=1500).commands[0].max_decode_s == 1.5
    assert completion(t_max_predict_ms=0).commands[0].max_decode_s is None


def test_false_as_a_bias_means_never() -> None:
    assert completion(logit_bias=[[5, False]]).commands[0].sampling.logit_bias == {5: -math.inf}


def test_probabilities_behind_samplers_are_refused_where_some_are_wanted() -> None:
    with pytest.raises(UnsupportedParameterError):
        completion(post_sampling_probs=True, n_probs=2)
    completion(post_sampling_probs=True)


def test_images_without_a_mark_in_the_prompt_are_refused() -> None:
    with pytest.raises(RequestError, match="0 marks"):
        completion(prompt={"prompt_string": "a", "multimodal_data": ["aGk="]})


def test_an_infill_body_of_llama_vim_becomes_a_command() -> None:
    body = {
        "input_prefix": "a", "input_suffix": "b", "prompt": "c", "input_extra": [{"text": "x", "filename": "f.py"}],
        "n_predict": 0, "n_indent": 4, "top_k": 40, "top_p": 0.9, "stream": False,
        "samplers": ["top_k", "top_p", "infill"],
        "cache_prompt": True, "t_max_prompt_ms": 500, "t_max_predict_ms": 1000,
        "response_fields": ["content", "timings/prompt_n", "truncated"],
    }  # fmt: skip
    (command,) = parse_infill(json.dumps(body).encode()).commands
    assert command.prompt == "a"
    assert command.infill == Infill("b", others=[OtherFile("f.py", "x")], written="c", is_fitting=True)
    assert command.max_tokens == 0


@pytest.mark.parametrize("name", ["input_prefix", "input_suffix"])
def test_an_infill_without_one_side_is_refused_in_llama_servers_words(name: str) -> None:
    body = {"input_prefix": "a", "input_suffix": "b"}
    del body[name]
    with pytest.raises(RequestError, match=f'"{name}" is required'):
        parse_infill(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "native"),
    [({"n_predict": 1}, True), ({"n_predict": 1, "max_tokens": 1}, False), ({"max_tokens": 1}, False), ({}, False)],
)
def test_a_body_at_completions_is_llama_servers_own_if_it_has_n_predict_alone(
    body: dict[str, int], native: bool
) -> None:
    assert is_native(json.dumps(body).encode()) is native


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_whatever_a_body_holds_is_taken_or_refused(body: dict[str, object]) -> None:
    raw = json.dumps(body).encode()
    for parse in (parse_llama_completion, parse_infill):
        try:
            assert parse(raw).commands
        except LsrvError as error:
            assert isinstance(error, RequestError)
            assert LLAMA_SERVER_ERRORS.status(error) in (400, 501)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.ModelNotFoundError("x"), 404, "not_found_error"),
        (errors.QueueFullError("x"), 429, "unavailable_error"),
        (errors.DrainingError("x"), 503, "unavailable_error"),
        (errors.PromptTooLongError("x", n_prompt_tokens=9, n_ctx=8), 400, "exceed_context_size_error"),
        (errors.UnsupportedCapabilityError("x"), 501, "not_supported_error"),
        (errors.GrammarError("x"), 400, "invalid_request_error"),
        (LsrvError("x"), 500, "server_error"),
    ],
)
def test_errors_have_llama_servers_types_and_the_status_as_their_code(error: LsrvError, status: int, kind: str) -> None:
    told = json.loads(LLAMA_SERVER_ERRORS.body(error))["error"]
    assert (LLAMA_SERVER_ERRORS.status(error), told["code"], told["type"]) == (status, status, kind)
    assert told.get("n_ctx") == error.fields.get("n_ctx")

"""Ollama's bodies become commands: options, messages, names, errors. No model."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv import errors
from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.ollama.asking import asks_chat, asks_text, ollama_head
from lsrv.api.dialects.ollama.chat_body import parse_ollama_chat
from lsrv.api.dialects.ollama.generate_body import parse_ollama_generate
from lsrv.api.dialects.ollama.vectors_body import parse_embed, parse_old_embedding
from lsrv.api.dialects.ollama.wording import OLLAMA_ERRORS
from lsrv.errors import LsrvError, RequestError
from lsrv.protocol.commands import Generate, Grammar, Infill, Sampling

USER = {"role": "user", "content": "a"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def chat(**body: Any) -> DialectRequest:
    return parse_ollama_chat(json.dumps({"model": "m", "messages": [USER]} | body).encode())


def generate(**body: Any) -> Generate:
    return parse_ollama_generate(json.dumps({"model": "m", "prompt": "a"} | body).encode()).commands[0]


def test_options_are_samplers() -> None:
    given = {"temperature": 0.5, "top_k": 3, "repeat_penalty": 1.5, "seed": 7, "num_predict": 9, "stop": ["x"]}
    command = chat(options=given).commands[0]
    assert command.sampling == Sampling(temperature=0.5, top_k=3, repeat_penalty=1.5, seed=7)
    assert (command.max_tokens, command.stop) == (9, ["x"])


def test_a_whole_float_is_an_integer() -> None:
    request = chat(options={"num_predict": 9.0, "num_ctx": 8192.0, "top_k": 40.0})
    assert (request.commands[0].max_tokens, request.n_ctx_wanted) == (9, 8192)


@pytest.mark.parametrize("number", [-2, -1, 0, None])
def test_num_predict_below_one_means_until_the_context_is_full(number: int | None) -> None:
    assert chat(options={"num_predict": number}).commands[0].max_tokens is None


def test_options_without_effect_are_noted_unless_they_change_nothing() -> None:
    notes = chat(options={"num_gpu": 1, "wat": 2, "num_keep": 3, "numa": None, "temperature": 1}).notes
    assert notes == ("options.num_gpu: models.toml says it (device.gpu_layers)", "options.wat: unknown")


@pytest.mark.parametrize(
    ("think", "kwargs"),
    [
        (None, {}),
        (True, {"enable_thinking": True}),
        (False, {"enable_thinking": False}),
        ("low", {"enable_thinking": True, "reasoning_effort": "low"}),
    ],
)
def test_think_is_told_to_the_template(think: object, kwargs: dict[str, object]) -> None:
    assert chat(think=think).commands[0].template_kwargs == kwargs


@pytest.mark.parametrize(
    ("said", "grammar"),
    [
        (None, None),
        ("", None),
        ("json", Grammar("json_schema", '{"type": "object"}', "format")),
        ({"type": "array"}, Grammar("json_schema", '{"type": "array"}', "format")),
    ],
)
def test_format_binds_the_answer(said: object, grammar: Grammar | None) -> None:
    assert chat(format=said).commands[0].grammar == grammar


@pytest.mark.parametrize(("said", "seconds"), [(5, 5), ("5m", 300), ("1h30m", 5400), (-1, math.inf), ("-1m", math.inf)])
def test_keep_alive_is_seconds_or_a_duration(said: object, seconds: float) -> None:
    assert chat(keep_alive=said).keep_alive_s == seconds


def test_a_stream_is_what_a_client_gets_that_says_nothing() -> None:
    assert [ollama_head(body).is_streaming for body in (b"{}", b'{"stream":null}', b'{"stream":false}')] == [
        True,
        True,
        False,
    ]
    assert chat().commands[0].is_streaming


@pytest.mark.parametrize(("name", "other"), [("m", "m:latest"), ("m:latest", "m"), ("m:4b", "m:4b:latest")])
def test_a_name_without_a_tag_is_the_latest(name: str, other: str) -> None:
    assert ollama_head(json.dumps({"model": name}).encode()).spellings == (name, other)


def test_older_clients_say_name() -> None:
    assert ollama_head(b'{"name":"m"}').model == "m"


def test_calls_and_results_of_the_history_belong_together_without_ids() -> None:
    calls = [{"function": {"name": name, "arguments": {"x": name}}} for name in ("f", "g", "f")]
    results = [{"role": "tool", "content": text, "tool_name": name} for text, name in (("1", "g"), ("2", "f"))]
    found = chat(messages=[USER, {"role": "assistant", "content": "", "tool_calls": calls}, *results,
                           {"role": "tool", "content": "3"}]).commands[0].messages  # fmt: skip
    assert found is not None
    made: Any = found[1]["tool_calls"]
    assert [call["function"] for call in made] == [
        {"name": name, "arguments": json.dumps({"x": name}, separators=(",", ":"))} for name in ("f", "g", "f")
    ]
    ids = [call["id"] for call in made]
    assert len(set(ids)) == 3
    assert all(len(each) == 9 and each.isalnum() for each in ids)  # what Mistral's templates take
    answered = [(message["tool_call_id"], message["name"]) for message in found[2:]]
    assert answered == [(ids[1], "g"), (ids[0], "f"), (ids[2], "f")]


def test_ids_that_a_client_has_are_kept() -> None:
    calls = [{"id": "abc", "function": {"name": "f", "arguments": {}}}]
    history = [
        USER,
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "content": "1", "tool_call_id": "abc"},
    ]
    found: Any = chat(messages=history).commands[0].messages
    assert (found[1]["tool_calls"][0]["id"], found[2]["tool_call_id"]) == ("abc", "abc")


def test_thoughts_of_the_history_reach_the_template() -> None:
    found: Any = chat(messages=[USER, {"role": "assistant", "content": "b", "thinking": "hm"}]).commands[0].messages
    assert found[1] == {"role": "assistant", "content": "b", "reasoning_content": "hm"}


def test_tools_may_be_called() -> None:
    use = chat(tools=[TOOL]).commands[0].tool_use
    assert use is not None
    assert (use.names, use.choice) == (["f"], "auto")
    assert chat(tools=[]).commands[0].tool_use is None


def test_a_prompt_goes_through_the_template_unless_it_is_raw() -> None:
    assert generate(system="Be brief.").messages == [{"role": "system", "content": "Be brief."}, USER]
    assert generate(raw=True).prompt == "a"


def test_a_prompt_may_go_on_where_an_earlier_answer_ended() -> None:
    command = generate(context=[1, 2])
    assert (command.earlier_tokens, command.wants_tokens) == ([1, 2], True)


def test_what_stands_behind_a_prompt_is_filled_up_to() -> None:
    command = generate(suffix="z")
    assert (command.prompt, command.infill) == ("a", Infill("z"))


@pytest.mark.parametrize("field", ["system", "template"])
def test_raw_prompts_have_nothing_beside_them(field: str) -> None:
    with pytest.raises(RequestError, match="raw mode does not support"):
        generate(raw=True, **{field: "x"})


def test_images_that_are_no_base64_are_refused_by_place() -> None:
    with pytest.raises(RequestError) as caught:
        chat(messages=[USER, USER | {"images": ["?"]}])
    assert caught.value.param == "messages[1].images[0]"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"options": {"temperature": -1}}, "options.temperature"),
        ({"options": {"top_k": 1.5}}, "options.top_k"),
        ({"format": "xml"}, "format"),
        ({"format": [1]}, "format"),
        ({"think": "hard"}, "think"),
        ({"keep_alive": "soon"}, "keep_alive"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "1"}]}, "messages[0]"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        chat(**body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("body", "asks"),
    [({}, False), ({"messages": []}, False), ({"messages": None}, False), ({"messages": [USER]}, True)],
)
def test_a_chat_without_messages_asks_nothing(body: dict[str, Any], asks: bool) -> None:
    assert asks_chat(json.dumps(body).encode()) is asks


@pytest.mark.parametrize(
    ("body", "asks"),
    [({}, False), ({"prompt": "", "system": "x"}, False), ({"prompt": "a"}, True), ({"suffix": "z"}, True)],
)
def test_a_generation_without_prompt_asks_nothing(body: dict[str, Any], asks: bool) -> None:
    assert asks_text(json.dumps(body).encode()) is asks


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (
            errors.ModelNotFoundError("x", known=["a", "b"], model="c"),
            404,
            'model "c" not found, try pulling it first; this server has a, b',
        ),
        (errors.QueueFullError("full"), 503, "full"),
        (errors.NotEnoughMemoryError("no room"), 500, "no room"),
        (errors.PromptTooLongError("long"), 400, "long"),
        (LsrvError("x"), 500, "x"),
    ],
)
def test_errors_have_ollamas_shape_and_statuses(error: LsrvError, status: int, text: str) -> None:
    assert OLLAMA_ERRORS.status(error) == status
    assert json.loads(OLLAMA_ERRORS.body(error)) == {"error": text}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("model", "messages", "prompt", "suffix", "system", "stream", "format", "options", "keep_alive", "think",
          "tools", "images", "raw", "template", "context", "logprobs", "top_logprobs", "input", "truncate")  # fmt: skip
BODIES = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4) | JSON


@settings(max_examples=300, deadline=None)
@given(BODIES)
def test_whatever_a_body_holds_it_is_a_request_or_a_400(body: object) -> None:
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    for read in (ollama_head, asks_chat, asks_text, parse_ollama_chat, parse_ollama_generate, parse_embed,
                 parse_old_embedding):  # fmt: skip
        try:
            read(raw)
        except RequestError as error:
            assert OLLAMA_ERRORS.status(error) == 400

"""Anthropic's bodies become commands: messages, tools, thoughts, forms, errors. No model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv import errors
from lsrv.api.dialects.anthropic.messages_body import messages_head, parse_count, parse_messages
from lsrv.api.dialects.anthropic.wording import ANTHROPIC_ERRORS
from lsrv.errors import LsrvError, RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import Generate, Grammar, Sampling

USER = {"role": "user", "content": "a"}
SCHEMA = {"type": "object", "properties": {}}
TOOL = {"name": "f", "input_schema": SCHEMA}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}


def sent(**body: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 9, "messages": [USER]} | body).encode()


def asked(**body: Any) -> Generate:
    return parse_messages(sent(**body)).commands[0]


def history(*messages: Any, **body: Any) -> Any:
    return asked(messages=list(messages), **body).messages


def result(content: Any = "sun", **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content} | fields


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said, "cache_control": {"type": "ephemeral"}}


def refusal(**body: Any) -> LsrvError:
    with pytest.raises(RequestError) as caught:
        parse_messages(sent(**body))
    return caught.value


def test_samplers_limits_and_stops_are_taken() -> None:
    command = asked(temperature=0.5, top_p=0.9, top_k=3, stop_sequences=["x"], stream=True)
    assert command.sampling == Sampling(temperature=0.5, top_p=0.9, top_k=3)
    assert (command.max_tokens, command.stop, command.is_streaming) == (9, ["x"], True)


def test_what_the_coding_client_sends_beyond_that_changes_nothing() -> None:
    beyond = {
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "betas": ["x"],
        "inference_geo": "us",
        "cache_control": {"type": "ephemeral"},
    }
    assert asked(**beyond) == asked()


def test_a_system_in_parts_is_one_without_what_changes_in_each_request() -> None:
    system = [text("x-anthropic-billing-header: cc_version=2.1; cch=abc;"), text("One."), text("Two.")]
    assert history(USER, system=system)[0] == {"role": "system", "content": "One.\n\nTwo."}
    assert history(USER, system="One.")[0] == {"role": "system", "content": "One."}
    assert history(USER, system=[]) == [USER]


def test_turns_of_one_role_are_one_turn() -> None:
    said = [USER, {"role": "user", "content": [text("b")]}, {"role": "assistant", "content": "c"}]
    assert history(*said, {"role": "assistant", "content": "d"}) == [
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "cd"},
    ]


def test_calls_and_results_are_openais() -> None:
    answer = {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, text("I"), USE],
    }
    back = {"role": "user", "content": [result(), text("and?")]}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert history(USER, answer, back)[1:] == [
        {"role": "assistant", "content": "I", "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "name": "f", "content": "sun"},
        {"role": "user", "content": "and?"},
    ]


@pytest.mark.parametrize(
    ("given_result", "content"),
    [
        (result([text("a"), text("b")]), "a\nb"),
        (result("no", is_error=True), "Error: no"),
        (result(None), ""),
        (result([{"type": "tool_reference", "tool_name": "g"}]), "The tool g can be called."),
        (
            result([{"type": "search_result", "source": "s", "title": "t", "content": [text("c")]}]),
            "t\ns\nc",
        ),
    ],
)
def test_results_are_texts(given_result: dict[str, Any], content: str) -> None:
    said = history(USER, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [given_result]})
    assert said[-1]["content"] == content


def test_documents_of_text_are_read() -> None:
    plain = {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "d"}}
    parts = {"type": "document", "source": {"type": "content", "content": [text("e")]}}
    assert history({"role": "user", "content": [plain, parts]}) == [{"role": "user", "content": "T\nd\n\ne"}]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}, "is empty"),
        ({"type": "document", "source": {"type": "base64", "data": ""}}, "text and pictures"),
        ({"type": "video"}, "'video'"),
        ({"text": "a"}, "type"),
        (USE, "only the assistant"),
        (result(), "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
    ],
)
def test_blocks_that_can_not_be_read_are_refused_by_their_place(block: Any, words: str) -> None:
    error = refusal(messages=[{"role": "user", "content": [text("a"), block]}])
    assert "messages[0].content[1]" in error.message
    assert words in error.message


def test_tools_are_openais_and_those_of_its_servers_are_noted() -> None:
    request = parse_messages(sent(tools=[SEARCH, TOOL], mcp_servers=[{"url": "x"}]))
    use = request.commands[0].tool_use
    assert use is not None
    assert (use.names, use.choice, use.is_parallel) == (["f"], "auto", True)
    assert use.tools == [{"type": "function", "function": {"name": "f", "description": "", "parameters": SCHEMA}}]
    assert [note.partition(":")[0] for note in request.notes] == [
        "tools of type web_search_20250305",
        "mcp_servers",
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto", "disable_parallel_tool_use": True}, ("auto", ["f", "g"], False)),
        ({"type": "any"}, ("required", ["f", "g"], True)),
        ({"type": "any", "disable_parallel_tool_use": True}, ("required", ["f", "g"], False)),
        ({"type": "tool", "name": "g"}, ("required", ["g"], False)),
    ],
)
def test_a_choice_says_what_may_be_called(choice: dict[str, Any], expected: tuple[str, list[str], bool]) -> None:
    use = asked(tools=[TOOL, TOOL | {"name": "g"}], tool_choice=choice).tool_use
    assert use is not None
    assert (use.choice, use.names, use.is_parallel) == expected


def test_no_tool_is_called_where_none_may() -> None:
    assert asked(tools=[TOOL], tool_choice={"type": "none"}).tool_use is None
    assert asked(tools=[SEARCH]).tool_use is None
    assert asked(tools=[]).tool_use is None


@pytest.mark.parametrize(
    ("tools", "choice", "param"),
    [
        ([SEARCH, {"name": "a b"}], None, "tools[1].name"),
        ([{"input_schema": {}}], None, "tools[0].name"),
        ([{"name": "f", "input_schema": {"type": "array"}}], None, "tools[0].input_schema.type"),
        ([TOOL, TOOL], None, "tools[1].name"),
        ([{"type": "bash_20250124", "name": "bash"}], None, "tools[0].type"),
        ([], {"type": "any"}, "tool_choice"),
        ([TOOL], {"type": "tool"}, "tool_choice.name"),
        ([TOOL], {"type": "tool", "name": "g"}, "tool_choice.name"),
        ([TOOL], {"type": "wat"}, "tool_choice.type"),
    ],
)
def test_wrong_tools_are_refused_by_the_clients_own_place(tools: Any, choice: Any, param: str) -> None:
    error = refusal(tools=tools, tool_choice=choice)
    assert error.param == param
    assert param.partition("[")[0].partition(".")[0] in error.message
    assert "function" not in error.message


@pytest.mark.parametrize(
    ("thinking", "kwargs", "budget"),
    [
        (None, {}, None),
        ({"type": "enabled", "budget_tokens": 1024}, {"enable_thinking": True}, 1024),
        ({"type": "adaptive", "display": "omitted"}, {"enable_thinking": True}, None),
        ({"type": "disabled"}, {"enable_thinking": False}, None),
    ],
)
def test_thinking_is_on_off_or_left_to_the_model(thinking: Any, kwargs: Any, budget: int | None) -> None:
    command = asked(thinking=thinking)
    assert (command.template_kwargs, command.reasoning_budget) == (kwargs, budget)


def test_effort_is_told_in_the_words_of_templates() -> None:
    assert asked(output_config={"effort": "max"}).template_kwargs == {"reasoning_effort": "high"}
    assert asked(output_config={"effort": "low"}).template_kwargs == {"reasoning_effort": "low"}


@pytest.mark.parametrize("key", ["output_format", "output_config"])
def test_a_schema_binds_the_answer(key: str) -> None:
    form = {"type": "json_schema", "schema": {"enum": [1]}}
    body = {key: form if key == "output_format" else {"format": form}}
    grammar = asked(**body).grammar
    assert grammar is not None
    assert (grammar.kind, json.loads(grammar.source)) == ("json_schema", {"enum": [1]})
    assert "keep one" in refusal(**body, grammar='root ::= "a"').message
    assert asked(grammar='root ::= "a"').grammar == Grammar("gbnf", 'root ::= "a"', "grammar")


def test_a_count_is_of_the_same_prompt() -> None:
    body = {"tools": [TOOL], "system": "s", "thinking": {"type": "adaptive"}}
    counted, command = parse_count(sent(**body)), asked(**body)
    assert (counted.messages, counted.tool_use) == (command.messages, command.tool_use)
    assert counted.template_kwargs == command.template_kwargs
    assert parse_count(json.dumps({"messages": [USER]}).encode()).messages == [USER]


def test_a_user_keeps_to_one_model_of_a_route() -> None:
    head = messages_head(sent(stream=True, metadata={"user_id": "u"}))
    assert (head.model, head.is_streaming, head.sticky_key) == ("m", True, "u")
    assert messages_head(sent(metadata={"user_id": 5})).sticky_key is None


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RequestError("a"), 400, "invalid_request_error"),
        (errors.ModelNotFoundError("a"), 404, "not_found_error"),
        (errors.ModelDisabledError("a"), 409, "conflict_error"),
        (errors.QueueFullError("a"), 529, "overloaded_error"),
        (errors.DrainingError("a"), 529, "overloaded_error"),
        (errors.NotEnoughMemoryError("a"), 529, "overloaded_error"),
        (errors.UpstreamUnavailableError("a"), 529, "overloaded_error"),
        (errors.UpstreamBusyError("a"), 429, "rate_limit_error"),
        (errors.CrashedError("a"), 503, "api_error"),
        (errors.UnresponsiveError("a"), 504, "timeout_error"),
        (LsrvError("a"), 500, "api_error"),
    ],
)
def test_errors_have_anthropics_types_and_statuses(error: LsrvError, status: int, kind: str) -> None:
    error.request_id = "r"
    body = json.loads(ANTHROPIC_ERRORS.body(error))
    assert body == {"type": "error", "error": {"type": kind, "message": "a"}, "request_id": "r"}
    assert ANTHROPIC_ERRORS.status(error) == status


def test_an_overflow_is_told_in_the_words_that_clients_look_for() -> None:
    ours = errors.PromptTooLongError("a", n_prompt_tokens=7, n_ctx=5)
    theirs = errors.PromptTooLongError("b")  # of an upstream that tells no numbers
    messages = [json.loads(ANTHROPIC_ERRORS.body(error))["error"]["message"] for error in (ours, theirs)]
    assert messages == ["prompt is too long: 7 tokens > 5 maximum", "prompt is too long: b"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "name"]), inner),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    ["messages", "system", "tools", "tool_choice", "thinking", "output_config", "stop_sequences", "metadata", "stream"]
)
_BLOCKS = st.builds(
    lambda kind, rest: rest | {"type": kind},
    st.sampled_from(["text", "tool_use", "tool_result", "thinking", "document", "image", "search_result", "x"]),
    st.dictionaries(st.sampled_from(["text", "id", "name", "input", "tool_use_id", "content", "source"]), _JSON),
)
_MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": st.lists(_BLOCKS)}),
    max_size=3,
)


@settings(deadline=None)
@given(st.dictionaries(_FIELDS, _JSON, max_size=4), st.none() | _MESSAGES)
def test_a_body_of_any_form_is_read_or_refused(body: dict[str, Any], messages: list[Any] | None) -> None:
    raw = sent(**body | ({"messages": messages} if messages is not None else {}))
    for read in (messages_head, parse_messages, parse_count):
        try:
            read(raw)
        except RequestError as error:
            assert json.loads(ANTHROPIC_ERRORS.body(error))["error"]["type"] == "invalid_request_error"
            assert ANTHROPIC_ERRORS.status(error) == 400


def test_an_image_that_lies_elsewhere_is_not_fetched() -> None:
    source = {"type": "url", "url": "https://example.com/cat.png"}
    with pytest.raises(UnsupportedCapabilityError, match="fetches no pictures"):
        asked(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])

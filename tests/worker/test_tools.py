"""Calls of tools from a real worker: random weights under real templates, and what no grammar can be made of."""

from __future__ import annotations

import json

import jsonschema
import pytest
from msgspec.structs import replace

from lsrv.protocol.commands import Generate, Grammar, Sampling, ToolUse
from lsrv.protocol.events import Failed, Finished
from tests.chat.templates.published import published
from tests.worker.conftest import StartWorker, WorkerUnderTest
from tests.worker.test_worker import collect

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "what": {"type": "string", "maxLength": 8},
        "n": {"enum": [1, 2, 3]},
        "where": {"type": "object", "properties": {"is_near": {"type": "boolean"}}, "required": ["is_near"]},
    },
    "required": ["what"],
    "additionalProperties": False,
}
SCHEMA["properties"]["where"]["additionalProperties"] = False  # pyright: ignore
HOT = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
TEMPLATES = [
    "Qwen-Qwen3-0.6B",  # JSON behind thoughts
    "Qwen3-Coder",  # tags
    "MiniMax-M3",  # nested tags
    "LFM2.5-8B-A1B",  # Python
    "google-gemma-4-31B-it",  # bare keys
    "openai-gpt-oss-120b",  # channels
    "meta-llama-Llama-3.1-8B-Instruct",  # no mark
]


@pytest.fixture
def worker(start_worker: StartWorker) -> WorkerUnderTest:
    """A worker that has no model yet."""
    return start_worker()


def tools(schema: object = SCHEMA, n: int = 1) -> list[dict[str, object]]:
    return [{"type": "function", "function": {"name": f"look-{i}.up", "parameters": schema}} for i in range(n)]


def asking(seed: int, given: list[dict[str, object]], choice: str = "required", **options: object) -> Generate:
    names = [tool["function"]["name"] for tool in given]  # pyright: ignore
    return Generate(
        request_id=seed,
        messages=[{"role": "user", "content": "Look it up."}],
        tool_use=ToolUse(tools=given, names=names, choice=choice, is_parallel=False),  # pyright: ignore
        sampling=Sampling(seed=seed, **HOT),
        **({"max_tokens": 400, "reasoning_budget": 8, "is_streaming": False} | options),  # pyright: ignore
    )


def answer(worker: WorkerUnderTest, command: Generate) -> Finished:
    worker.send(command)
    end = collect(worker)[1][command.request_id]
    assert isinstance(end, Finished), end
    return end


def called(end: Finished) -> list[tuple[str, object]]:
    """The calls of a whole answer: name and arguments."""
    names, arguments = dict[int, str](), dict[int, str]()
    for delta in end.calls:
        names[delta.index] = names.get(delta.index, "") + delta.name
        arguments[delta.index] = arguments.get(delta.index, "") + delta.arguments
    return [(name, json.loads(arguments[at])) for at, name in names.items()]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_required_call_is_valid_at_any_temperature(worker: WorkerUnderTest, template: str) -> None:
    worker.load(n_ctx_seq=4096, chat_template=published(template))
    for seed in range(1, 3):
        end = answer(worker, asking(seed, tools(n=2)))
        assert end.finish_reason == "tool_calls" and end.text == "" and end.complaint == ""
        [(name, arguments)] = called(end)
        assert name in ("look-0.up", "look-1.up")
        jsonschema.validate(arguments, SCHEMA)


def test_calls_are_forced_without_being_sampled_and_beside_logprobs_they_are_the_same_form(
    worker: WorkerUnderTest,
) -> None:
    worker.load(n_ctx_seq=2048, chat_template=published("Qwen-Qwen2.5-7B-Instruct"))
    end = answer(worker, asking(1, tools({"type": "object", "properties": {"n": {"const": 7}}, "required": ["n"]})))
    assert called(end) == [("look-0.up", {"n": 7})]
    told = answer(worker, asking(2, tools(n=2), n_top_logprobs=1))
    assert len(called(told)) == 1 and len(told.logprobs or []) == told.usage.n_completion_tokens


def test_beside_tools_a_schema_of_the_answer_allows_calls_or_a_document(worker: WorkerUnderTest) -> None:
    worker.load(n_ctx_seq=2048, chat_template=published("Qwen-Qwen2.5-7B-Instruct"))
    document = Grammar("json_schema", '{"enum": [{"done": true}]}', "response_format")
    for seed in range(1, 4):
        end = answer(worker, asking(seed, tools(), "auto", grammar=document))
        assert called(end) if end.calls else json.loads(end.text) == {"done": True}


def test_a_grammar_of_another_kind_binds_the_whole_answer_beside_tools(worker: WorkerUnderTest) -> None:
    worker.load(n_ctx_seq=2048, chat_template=published("Qwen-Qwen2.5-7B-Instruct"))
    end = answer(worker, asking(1, tools(), grammar=Grammar("regex", "No[.]", "grammar")))
    assert end.text == "No." and not end.calls


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "string"}, "its type must be"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}, "none"),
        ({"type": "object", "properties": {"a": {"$ref": "other.json#/x"}}}, "other.json"),
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}, "regex"),
    ],
)
def test_a_schema_that_can_not_be_kept_is_refused_by_the_name_of_its_tool(
    worker: WorkerUnderTest, schema: object, reason: str
) -> None:
    worker.load(n_ctx_seq=2048, chat_template=published("Qwen-Qwen2.5-7B-Instruct"))
    worker.send(asking(1, [tools()[0], tools(schema, 2)[1]]))
    end = collect(worker)[1][1]
    assert isinstance(end, Failed)
    assert end.error.param == "tools[1].function.parameters" and reason in end.error.message.lower()


def test_a_schema_that_leads_back_to_itself_works(worker: WorkerUnderTest) -> None:
    worker.load(n_ctx_seq=2048, chat_template=published("Qwen-Qwen2.5-7B-Instruct"))
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"enum": [1, 2]}}, "required": ["n"]}
    arguments = called(answer(worker, asking(1, tools(tree | {"additionalProperties": False}))))[0][1]
    assert isinstance(arguments, dict) and arguments["n"] in (1, 2)


@pytest.mark.parametrize("template", ["Qwen-Qwen3-0.6B", "meetkai-functionary-medium-v3.2", "openai-gpt-oss-120b"])
def test_a_document_is_valid_where_tools_are_and_the_model_thinks(worker: WorkerUnderTest, template: str) -> None:
    worker.load(n_ctx_seq=4096, chat_template=published(template))
    document = Grammar("json_schema", '{"enum": [{"done": true}]}', "response_format")
    for seed in range(1, 4):
        end = answer(worker, asking(seed, tools(), "auto", grammar=document))
        assert called(end) if end.calls else json.loads(end.text) == {"done": True}
        assert end.complaint == ""


@pytest.mark.parametrize("given", [{}, {"grammar": Grammar("json_schema", '{"enum": [{"done": true}]}', "x")}])
def test_a_thought_that_the_client_began_goes_on_and_what_is_behind_it_is_bound(
    worker: WorkerUnderTest, given: dict[str, Grammar]
) -> None:
    worker.load(n_ctx_seq=2048, chat_template=published("Qwen-Qwen3-0.6B"))
    begun = [{"role": "user", "content": "Look it up."}, {"role": "assistant", "content": "<think>I should"}]
    for seed in range(1, 3):
        command = replace(asking(seed, tools()), messages=begun)
        end = answer(worker, replace(command, tool_use=None, **given) if given else command)
        assert end.reasoning and "<think>" not in end.text + end.reasoning
        assert json.loads(end.text) == {"done": True} if given else len(called(end)) == 1


def test_a_mark_that_the_prompt_has_begun_is_gone_on_with(worker: WorkerUnderTest) -> None:
    worker.load(n_ctx_seq=2048, chat_template=published("meetkai-functionary-medium-v3.2"))
    for seed in range(1, 4):
        required = answer(worker, asking(seed, tools(n=2)))
        assert len(called(required)) == 1 and required.text == "" and required.complaint == ""
        auto = answer(worker, asking(seed, tools(n=2), "auto", max_tokens=200))
        assert auto.complaint == "" and not auto.text.startswith(("all", ">>>"))

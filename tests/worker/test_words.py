"""Tools reach a model whose template knows none of them."""

from __future__ import annotations

from lsrv.protocol.commands import Describe, Tokenize, ToolUse
from lsrv.protocol.events import Described, Tokenized
from tests.chat.templates.published import published
from tests.worker.conftest import StartWorker

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
ASKED: list[dict[str, object]] = [{"role": "user", "content": "Is it sunny?"}]


def test_tools_are_described_to_a_model_whose_template_names_none(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load(chat_template=published("microsoft-Phi-3.5-mini-instruct"))
    worker.send(Tokenize(request_id=1, messages=ASKED, tool_use=ToolUse(tools=[TOOL], names=["get_weather"])))
    answer = worker.next()
    assert isinstance(answer, Tokenized)
    assert '"get_weather"' in answer.prompt and '<tool_call>\n{"name": "function-name"' in answer.prompt


def test_a_model_is_described_with_notes_of_what_its_template_needs(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load(chat_template=published("google-gemma-2-2b-it"))
    worker.send(Describe(request_id=1))
    answer = worker.next()
    assert isinstance(answer, Described)
    assert answer.chat_template == published("google-gemma-2-2b-it")
    assert any("no system messages" in note for note in answer.notes)
    assert any("names no tools" in note for note in answer.notes)


def test_tools_that_a_template_refuses_are_told_in_words(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load(chat_template=published("CohereForAI-c4ai-command-r-plus-tool_use"))
    for at, (type_, is_in_words) in enumerate({"string": False, "object": True}.items()):
        properties = {"about": {"type": type_}}  # of objects it reads what they don't say
        tool = {"type": "function", "function": {"name": "look_up", "parameters": {"properties": properties}}}
        worker.send(Tokenize(request_id=at, messages=ASKED, tool_use=ToolUse(tools=[tool], names=["look_up"])))
        answer = worker.next()
        assert isinstance(answer, Tokenized)
        assert "look_up" in answer.prompt
        assert ("within <tools></tools>" in answer.prompt) == is_in_words

"""OpenAI's Conversations API through OpenAI's own client, and what Responses make of them."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.conftest import TINY, RunningServer, StartServer

HELLO: Any = {"type": "message", "role": "user", "content": "Once upon a time"}
GREEDY: Any = {"model": TINY, "temperature": 0, "max_output_tokens": 6}


def texts(client: openai.OpenAI, conversation_id: str) -> list[tuple[str, str]]:
    items: Any = client.conversations.items.list(conversation_id, order="asc")
    return [(item.role, item.content[0].text) for item in items]


def test_a_conversation_is_made_changed_and_forgotten(client: openai.OpenAI) -> None:
    made = client.conversations.create(items=[HELLO], metadata={"topic": "a"})
    assert made.id.startswith("conv_")
    assert client.conversations.retrieve(made.id) == made
    changed = client.conversations.update(made.id, metadata={"topic": "b"})
    assert (changed.metadata, changed.created_at) == ({"topic": "b"}, made.created_at)
    assert texts(client, made.id) == [("user", "Once upon a time")]
    gone = client.conversations.delete(made.id)
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "conversation.deleted")
    for ask in (client.conversations.retrieve, client.conversations.delete, client.conversations.items.list):
        with pytest.raises(openai.NotFoundError):
            ask(made.id)


def test_items_are_added_got_and_taken_out(client: openai.OpenAI) -> None:
    made = client.conversations.create()
    added: Any = client.conversations.items.create(made.id, items=[HELLO, HELLO | {"content": "And then?"}])
    first, second = added.data
    assert client.conversations.items.retrieve(second.id, conversation_id=made.id) == second
    assert [item.id for item in client.conversations.items.list(made.id)] == [second.id, first.id]
    assert client.conversations.items.list(made.id, limit=1).has_more
    assert client.conversations.items.delete(first.id, conversation_id=made.id).id == made.id
    assert texts(client, made.id) == [("user", "And then?")]
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(first.id, conversation_id=made.id)
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.delete(first.id, conversation_id=made.id)


def test_a_response_is_asked_with_all_that_was_said_and_stands_there_afterwards(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(items=[HELLO]).id
    answer = client.responses.create(conversation=conversation, input="Go on.", **GREEDY)
    assert answer.conversation is not None
    assert answer.conversation.id == conversation
    whole = [HELLO, HELLO | {"content": "Go on."}]
    assert answer.output_text == client.responses.create(input=whole, **GREEDY).output_text
    said = [("user", "Once upon a time"), ("user", "Go on."), ("assistant", answer.output_text)]
    assert texts(client, conversation) == said
    for event in client.responses.create(
        conversation={"id": conversation}, input="More.", stream=True, store=False, **GREEDY
    ):
        if event.type == "response.incomplete":
            said += [("user", "More."), ("assistant", event.response.output_text)]
            assert texts(client, conversation) == said
            assert event.response.to_dict()["store"] is False


def test_what_was_made_in_the_background_stands_there_once(client: openai.OpenAI) -> None:
    conversation = client.conversations.create().id
    events = list(
        client.responses.create(conversation=conversation, input="Once", background=True, stream=True, **GREEDY)
    )
    assert events[-1].type == "response.incomplete"
    assert [role for role, _ in texts(client, conversation)] == ["user", "assistant"]


def test_an_item_of_a_conversation_can_be_referred_to(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(items=[HELLO]).id
    (item,) = client.conversations.items.list(conversation)
    referring: Any = [{"type": "item_reference", "id": item.id}]
    answers = [client.responses.create(input=asked, **GREEDY).output_text for asked in (referring, [HELLO])]
    assert answers[0] == answers[1]


def test_conversations_and_responses_are_not_taken_for_each_other(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(items=[HELLO]).id
    response = client.responses.create(input="Once", **GREEDY).id
    for ask in (client.responses.retrieve, client.responses.delete):
        with pytest.raises(openai.NotFoundError):
            ask(conversation)
    with pytest.raises(openai.NotFoundError):
        client.conversations.delete(response)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(previous_response_id=conversation, input="a", **GREEDY)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(conversation=response, input="a", **GREEDY)
    assert client.responses.retrieve(response).id == response


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"items": [HELLO] * 21}, "items"),
        ({"items": [{"type": "function_call_output", "call_id": "c", "output": "1"}]}, "items[0]"),
        ({"items": [{"type": "message", "role": "robot", "content": "a"}]}, "items[0].role"),
        ({"metadata": {"a": 1}}, "metadata[...]"),
    ],
)
def test_what_nobody_could_go_on_with_is_refused(server: RunningServer, body: dict[str, Any], param: str) -> None:
    refused = server.http.post("/v1/conversations", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("given", [None, 7])
def test_an_item_without_a_text_for_its_id_gets_one(server: RunningServer, given: object) -> None:
    made = server.http.post("/v1/conversations", json={"items": [HELLO | {"id": given}]}).json()
    where = f"/v1/conversations/{made['id']}/items"
    (item,) = server.http.get(where).json()["data"]
    assert item["id"].startswith("msg_")
    assert server.http.get(f"{where}/{item['id']}").json() == item


def test_one_request_has_one_past(server: RunningServer) -> None:
    body = GREEDY | {"input": "a", "conversation": "conv_1", "previous_response_id": "resp_1"}
    refused = server.http.post("/v1/responses", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "previous_response_id")


def test_a_compaction_stands_for_what_it_sums_up(client: openai.OpenAI) -> None:
    said: Any = [HELLO, {"type": "message", "role": "assistant", "content": "there was a girl"}]
    compacted = client.responses.compact(model=TINY, input=said)
    assert compacted.object == "response.compaction"
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    assert compacted.usage.output_tokens > 0
    going_on: Any = [*compacted.to_dict(warnings=False)["output"], HELLO | {"content": "Go on."}]
    longer = client.responses.input_tokens.count(model=TINY, input=going_on).input_tokens
    shorter = client.responses.input_tokens.count(model=TINY, input=[HELLO, going_on[-1]]).input_tokens
    assert longer > shorter
    with pytest.raises(openai.BadRequestError):
        client.responses.compact(model=TINY, input=[])


def test_a_server_that_keeps_nothing_says_so(start_server: StartServer) -> None:
    refused = start_server(server={"response_store": 0}).http.post("/v1/conversations", json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_parameter")

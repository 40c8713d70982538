"""Answers bound to a schema or grammar, over HTTP: OpenAI's response_format, llama.cpp's and mistral.rs's fields."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tests.conftest import TINY, RunningServer

CHAT: list[Any] = [{"role": "user", "content": "Once upon a time"}]
CHOICE = {"type": "object", "properties": {"k": {"enum": ["a", "b"]}}, "required": ["k"], "additionalProperties": False}
COMPACT = {"x-guidance": {"whitespace_flexible": False}}
CHOICE_TEXTS = ('{"k": "a"}', '{"k": "b"}')


class Animal(BaseModel):
    kind: Literal["cat", "dog"]
    legs: Literal[2, 4]


def post(server: RunningServer, path: str = "/v1/chat/completions", **body: Any) -> Any:
    prompt = {"messages": CHAT} if "chat" in path else {"prompt": "Once upon a time"}
    return server.http.post(path, json={"model": TINY, "max_tokens": 60, "temperature": 1.5} | prompt | body)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    choice = answer.json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    return choice.get("text") or choice["message"]["content"]


def test_openais_client_parses_an_answer_into_a_class(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model=TINY, messages=CHAT, response_format=Animal, temperature=1.5)
    assert isinstance(answer.choices[0].message.parsed, Animal)


def test_a_stream_is_bound_too(client: openai.OpenAI) -> None:
    schema: Any = {"type": "json_schema", "json_schema": {"name": "choice", "schema": CHOICE, "strict": True}}
    stream = client.chat.completions.create(model=TINY, messages=CHAT, response_format=schema, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) in CHOICE_TEXTS


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"schema": CHOICE}}},
        {"response_format": {"type": "json_schema", "schema": CHOICE}},
        {"response_format": {"type": "json_object", "schema": CHOICE}},
        {"json_schema": CHOICE},
        {"grammar": {"type": "json_schema", "value": CHOICE}},
        {"grammar": {"type": "regex", "value": '\\{"k": "[ab]"\\}'}},
        {"grammar": {"type": "lark", "value": 'start: "{\\"k\\": \\"" ("a"|"b") "\\"}"'}},
        {"grammar": {"type": "gbnf", "value": 'root ::= "{\\"k\\": \\"" [ab] "\\"}"'}},
        {"grammar": 'root ::= "{\\"k\\": \\"" [ab] "\\"}"'},
        {"guided_json": CHOICE},
        {"guided_json": json.dumps(CHOICE)},
        {"guided_regex": '\\{"k": "[ab]"\\}'},
        {"guided_choice": list(CHOICE_TEXTS)},
        {"guided_grammar": 'root ::= "{\\"k\\": \\"" [ab] "\\"}"'},
        {"guided_grammar": 'start: "{\\"k\\": \\"" ("a"|"b") "\\"}"'},
        {"structured_outputs": {"json": CHOICE}},
        {"structured_outputs": {"regex": '\\{"k": "[ab]"\\}'}},
        {"structured_outputs": {"choice": list(CHOICE_TEXTS)}},
        {"structured_outputs": {"grammar": 'root ::= "{\\"k\\": \\"" [ab] "\\"}"'}},
        {"format": CHOICE},
        {"grammar": {"type": "llguidance", "value": {"grammars": [{"json_schema": CHOICE | COMPACT}]}}},
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_every_way_to_ask_binds_the_answer(server: RunningServer, path: str, fields: dict[str, Any]) -> None:
    text = text_of(post(server, path, **fields))
    assert re.sub(r"\s", "", text) in [each.replace(" ", "") for each in CHOICE_TEXTS]


def test_json_object_begins_an_object(server: RunningServer) -> None:
    answer = post(server, response_format={"type": "json_object"}, max_tokens=5).json()
    assert answer["choices"][0]["message"]["content"].startswith("{")


def test_every_choice_is_bound_for_itself(server: RunningServer) -> None:
    answer = post(server, response_format={"type": "json_schema", "schema": CHOICE}, n=4).json()
    assert all(choice["message"]["content"] in CHOICE_TEXTS for choice in answer["choices"])


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}},
            "response_format.json_schema.schema",
            "schema is false",
        ),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "needs"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "xml"),
        ({"json_schema": [1]}, "json_schema", "object"),
        ({"json_schema": CHOICE, "grammar": 'root ::= "a"'}, "grammar", "keep one"),
        ({"grammar": 'start ::= "x"'}, "grammar", "root"),
        ({"grammar": {"type": "regex", "value": {"a": 1}}}, "grammar.value", "string"),
        ({"grammar": {"type": "regex", "value": "("}}, "grammar.value", "unclosed"),
        ({"grammar": {"type": "yaml", "value": "x"}}, "grammar.type", "yaml"),
        ({"json_schema": {"description": "x" * 300_000}}, "json_schema", "KiB"),
        ({"guided_choice": []}, "guided_choice", "name one"),
        ({"guided_regex": "("}, "guided_regex", "unclosed"),
        ({"structured_outputs": {"json": {"not": CHOICE}}}, "structured_outputs.json", "at #/not"),
        ({"guided_json": CHOICE, "json_schema": CHOICE}, "guided_json", "keep one"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_can_not_be_kept_is_a_400_that_names_it(
    server: RunningServer, fields: dict[str, Any], param: str, words: str, stream: bool
) -> None:
    answer = post(server, stream=stream, **fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == param
    assert words in error["message"]


def test_a_grammar_of_none_is_no_grammar(server: RunningServer) -> None:
    answer = post(server, response_format={"type": "text"}, grammar=None, json_schema=None, max_tokens=3)
    assert answer.json()["choices"][0]["finish_reason"] == "length"


def test_answers_side_by_side_keep_to_their_own_grammars(server: RunningServer) -> None:
    def ask(n: int) -> str:
        return text_of(post(server, grammar={"type": "regex", "value": f"{n}(x|y){{{n}}}"}))

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(ask, range(1, 9)))
    assert all(re.fullmatch(f"{n}(x|y){{{n}}}", text) for n, text in enumerate(texts, 1))


def test_a_schema_may_be_large(server: RunningServer) -> None:
    names = [f"name {i} of many" for i in range(3000)]
    text = text_of(post(server, json_schema={"enum": names}))
    assert json.loads(text) in names

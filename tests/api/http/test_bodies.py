"""Every way a body can be wrong is a 400 in the one shape, and the server goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import TINY, RunningServer

JSON = {"content-type": "application/json"}
DEEP = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
CHAT = b'{"messages":"a","max_tokens":1,'


def post(server: RunningServer, content: bytes, path: str = "/v1/chat/completions") -> Any:
    return server.http.post(path, content=content, headers=JSON)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models/load"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="truncated"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"text"', id="string"),
        pytest.param(b"null", id="null"),
        pytest.param(b'\xef\xbb\xbf{"messages":"a"}', id="byte order mark"),
        pytest.param(b'{"messages":"\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"unknown":"\xff"}', id="invalid UTF-8 in an unknown field"),
        pytest.param(b'{"unknown":"\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"unknown":NaN}', id="NaN"),
        pytest.param(b'{"unknown":Infinity}', id="Infinity"),
        pytest.param(DEEP, id="100k levels"),
    ],
)
def test_a_broken_body_is_a_400(server: RunningServer, path: str, content: bytes) -> None:
    answer = post(server, content, path)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) >= {"message", "type", "param", "code"}
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "Traceback" not in answer.text
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("field", "param"),
    [
        (b'"temperature":"0.5"', "temperature"),
        (b'"temperature":true', "temperature"),
        (b'"temperature":1e999', "temperature"),
        (b'"temperature":-1', "temperature"),
        (b'"temperature":1e40', "temperature"),
        (b'"repeat_penalty":0', "repeat_penalty"),
        (b'"repetition_penalty":1e40', "repetition_penalty"),
        (b'"max_tokens":1.5', "max_tokens"),
        (b'"max_tokens":0', "max_tokens"),
        (b'"max_tokens":-2', "max_tokens"),
        (b'"seed":' + b"9" * 5000, "seed"),
        (b'"top_p":1.1', "top_p"),
        (b'"n":0', "n"),
        (b'"n":9', "n"),
        (b'"logprobs":true,"top_logprobs":21', "top_logprobs"),
        (b'"top_logprobs":1', "top_logprobs"),
        (b'"stop":[%s"x"]' % (b'"x",' * 16), "stop"),
        (b'"stop":"' + b"x" * 257 + b'"', "stop"),
        (b'"stop":["a",""]', "stop"),
        (b'"logit_bias":{"":1}', "logit_bias"),
        (b'"logit_bias":{"' + b"x" * 257 + b'":1}', "logit_bias"),
        (b'"logit_bias":[[1.5,1]]', "logit_bias"),
        (b'"logit_bias":{"1":101}', "logit_bias"),
        (b'"logit_bias":{"-1":1}', "logit_bias"),
        (b'"logit_bias":{"512":1}', "logit_bias"),
        (b'"chat_template_kwargs":{"x":' + b"9" * 40 + b"}", "chat_template_kwargs"),
        (b'"chat_template_kwargs":{"x":' + b"[" * 70 + b"]" * 70 + b"}", "chat_template_kwargs"),
    ],
)
def test_a_wrong_value_is_named(server: RunningServer, field: bytes, param: str) -> None:
    answer = post(server, CHAT + field + b"}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].split("[")[0] == param


@pytest.mark.parametrize(
    "field",
    [
        b'"n":8',
        b'"logprobs":true,"top_logprobs":20',
        b'"stop":[%s"x"]' % (b'"x",' * 15),
        b'"stop":"' + b"x" * 256 + b'"',
        b'"stop":""',
        b'"stop":null',
        b'"logit_bias":{"1":100,"2":-100}',
        b'"logit_bias":[[1,-5.5],[2,false],["Lily",3]]',
        b'"logit_bias":{" and":-100,"7":false}',
        b'"seed":-1',
        b'"seed":9223372036854775807',
        b'"temperature":1',
        b'"temperature":1e-40',
        b'"repeat_penalty":1.1,"repeat_last_n":2147483647',
        b'"dry_multiplier":1,"dry_penalty_last_n":2147483647',
        b'"max_tokens":1,"temperature":null',
    ],
)
def test_the_last_allowed_value_is_allowed(server: RunningServer, field: bytes) -> None:
    assert post(server, CHAT + field + b"}").status_code == 200


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (b"5", "messages"),
        (b"[]", "messages"),
        (b"[5]", "messages[0]"),
        (b'[{"role":"nobody","content":"a"}]', "messages[0].role"),
        (b'[{"role":"user","content":5}]', "messages[0].content"),
        (b'[{"role":"user","content":[{"type":"text"}]}]', "messages[0].content[0].text"),
        (b'[{"content":"a"}]', "messages[0]"),
    ],
)
def test_a_wrong_message_is_named(server: RunningServer, messages: bytes, param: str) -> None:
    answer = post(server, b'{"messages":' + messages + b"}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_missing_messages_are_named(server: RunningServer) -> None:
    assert post(server, b"{}").json()["error"]["param"] == "messages"


def test_a_body_above_the_limit_is_a_413(server: RunningServer) -> None:
    answer = post(server, b'{"messages":"' + b"a" * 11_000_000 + b'"}')
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


def test_a_chunked_body_above_the_limit_is_a_413(server: RunningServer) -> None:
    answer = server.http.post("/v1/chat/completions", content=iter([b" " * 1_000_000] * 11), headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


def test_a_body_just_below_the_limit_reaches_the_model(server: RunningServer) -> None:
    answer = post(server, b'{"model":"' + TINY.encode() + b'","messages":"' + b"a " * 1_000_000 + b'"}')
    assert answer.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_method_that_is_not_there_is_a_405(server: RunningServer, method: str) -> None:
    answer = server.http.request(method, "/v1/chat/completions")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"


def test_a_route_that_is_not_there_is_a_404(server: RunningServer) -> None:
    answer = post(server, b"{}", "/v1/no/such/route")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "route_not_found"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/detokenize", b'{"tokens":[1' + b",1" * 600_000 + b"]}"),
        ("/v1/completions", b'{"prompt":[1' + b",1" * 600_000 + b"]}"),
        ("/v1/chat/completions", b'{"messages":[' + b'{"role":"user","content":"a"},' * 120_000 + b"{}]}"),
    ],
)
def test_a_body_of_too_many_parts_is_refused_before_it_is_decoded(
    server: RunningServer, path: str, content: bytes
) -> None:
    answer = server.http.post(path, content=content, headers=JSON)
    assert answer.status_code == 400
    assert "send it in parts" in answer.json()["error"]["message"]


def test_quotes_within_a_text_are_no_parts(server: RunningServer) -> None:
    content = b'{"model":"' + TINY.encode() + b'","content":"' + b'\\"' * 500_000 + b'"}'
    answer = server.http.post("/tokenize", content=content, headers=JSON)
    assert answer.status_code == 200
    assert len(answer.json()["tokens"]) >= 1000


def test_half_a_character_is_named_with_its_place(server: RunningServer) -> None:
    """As cut texts of JavaScript have it at their end, with more behind it."""
    error = server.http.post("/v1/completions", content=b'{"prompt":"\\ud83d\\ude00 a\\ud83dbc"}').json()["error"]
    assert "\\ud83d at byte 25 is half of a character" in error["message"]

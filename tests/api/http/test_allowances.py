"""Integers with a point and fields that are null: what clients send and mean no harm by."""

from __future__ import annotations

import msgspec
import pytest

from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError
from tests.conftest import RunningServer


class _Options(msgspec.Struct, frozen=True):
    include_usage: bool = False


class _Body(msgspec.Struct):
    messages: list[_Options]
    n: int = 1
    share: float = 0.5
    options: _Options = _Options(include_usage=True)
    format: msgspec.Raw = msgspec.Raw(b"")


_decoder = msgspec.json.Decoder(_Body)


def test_a_whole_number_with_a_point_is_an_integer() -> None:
    assert decode_body(_decoder, b'{"messages": [], "n": 4.0, "share": 1}').n == 4


def test_null_means_that_nothing_is_said_however_deep() -> None:
    raw = b'{"messages": [{}, {"include_usage": null}], "n": null, "options": {"include_usage": null}, "share": null}'
    body = decode_body(_decoder, raw)
    assert body == _Body([_Options(), _Options()], options=_Options())


def test_a_schema_keeps_its_nulls_and_its_order() -> None:
    raw = b'{"messages": [], "n": null, "format": {"z": null, "a": [null, 1.5]}}'
    assert bytes(decode_body(_decoder, raw).format) == b'{"z":null,"a":[null,1.5]}'


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b'{"messages": [], "n": 4.5}', "n"),
        (b'{"messages": [], "n": "4"}', "n"),
        (b'{"messages": [null]}', "messages[0]"),
        (b'{"messages": null}', "messages"),
        (b'{"messages": [' + b'{"include_usage": null},' * 200 + b"{}]}", "messages[64].include_usage"),
    ],
)
def test_what_is_no_such_value_is_named(raw: bytes, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        decode_body(_decoder, raw)
    assert caught.value.param == param


def test_a_long_body_is_looked_into_once_for_everybody_waits_meanwhile() -> None:
    blanks = b" " * (4 * 1024 * 1024)
    assert decode_body(_decoder, b'{"messages": [{"include_usage": null}]%b}' % blanks) == _Body([_Options()])
    with pytest.raises(RequestError) as caught:
        decode_body(_decoder, b'{"messages": [{"include_usage": null}, {"include_usage": null}]%b}' % blanks)
    assert caught.value.param == "messages[1].include_usage"


def test_a_chat_with_nulls_and_points_is_answered(server: RunningServer) -> None:
    body = {
        "messages": "Once",
        "max_tokens": 2.0,
        "n": None,
        "stream": None,
        "stream_options": {"include_usage": None},
        "response_format": {"type": None},
    }
    answer = server.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200
    assert answer.json()["usage"]["completion_tokens"] == 2

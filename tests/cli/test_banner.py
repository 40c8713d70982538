"""What a person reads when a server starts."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from lsrv.cli.banner import address_of, banner
from lsrv.config import LoadedSettings, settings_for_models
from lsrv.errors import ErrorInfo, WeightsNotFoundError
from lsrv.frontdoor import Weights
from lsrv.registry import EntryView

_MISSING = WeightsNotFoundError("there is no /weights/b.gguf; check the path")


def _loaded(**server: object) -> LoadedSettings:
    models = [
        {"model_id": "/weights/a.gguf", "alias": ["a", "first"]},
        {"model_id": "/weights/b.gguf", "alias": "b"},
        {"model_id": "org/embedder", "alias": "e", "kind": "embedding"},
    ]
    return settings_for_models(models, overrides={"server": server}, environ={})


def _text(loaded: LoadedSettings, default: str | None = "/weights/a.gguf") -> str:
    return banner(loaded, {"/weights/b.gguf": _MISSING}, default, 8080)


def test_every_entry_is_listed_in_config_order_with_all_its_names() -> None:
    text = _text(_loaded())
    rows = [line.split() for line in text.splitlines()]
    assert [row[:3] for row in rows if "/weights/a.gguf" in row] == [["*", "a", "first,"]]
    assert text.index("a.gguf") < text.index("b.gguf") < text.index("org/embedder")


def test_an_entry_that_can_not_be_served_says_why() -> None:
    assert "b: there is no /weights/b.gguf; check the path" in _text(_loaded())


def test_the_example_asks_the_default_model_and_is_a_valid_command() -> None:
    command = shlex.split(next(line for line in _text(_loaded()).splitlines() if "curl" in line))
    assert command[1] == "http://127.0.0.1:8080/v1/chat/completions"
    assert json.loads(command[-1])["model"] == "a"


def test_the_example_takes_another_model_when_the_default_can_not_be_served() -> None:
    text = _text(_loaded(), default="/weights/b.gguf")
    assert '"model": "a"' in text


def test_a_server_with_keys_shows_the_header_and_never_a_key() -> None:
    text = _text(_loaded(api_keys=["hush-hush"]))
    assert "authorization: Bearer $LSRV_API_KEY" in text
    assert "hush-hush" not in text


def test_a_server_for_all_without_keys_says_that_it_serves_this_machine_only() -> None:
    assert "api_keys" in _text(_loaded(host="0.0.0.0"))
    assert "api_keys" not in _text(_loaded(host="0.0.0.0", insecure=True))
    assert "api_keys" not in _text(_loaded())


def test_warnings_of_the_config_are_shown() -> None:
    assert "models.toml:3: paged_attn" in _text(replace(_loaded(), warnings=["models.toml:3: paged_attn has no meaning"]))


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],
)
def test_the_address_is_one_to_type(host: str, address: str) -> None:
    assert address_of(host, 1) == address

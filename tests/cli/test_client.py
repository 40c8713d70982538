"""How the command line talks to a running server, over real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import rich_click as click

from lsrv.cli.client import ServerClient
from lsrv.errors import ServerError


class _Echo(BaseHTTPRequestHandler):
    """Answers with what was asked; `/refuse`, `/page` and `/cut` answer as a server might in trouble."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer: object = {"path": self.path, "key": self.headers.get("authorization"), "body": body.decode()}
        status = 200
        if self.path == "/refuse":
            status, answer = 401, {"error": {"message": "wrong key"}}
        if self.path == "/cut":
            return
        text = "<html>" if self.path == "/page" else json.dumps(answer)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_body_and_the_key_reach_the_server(url: str) -> None:
    answer = ServerClient(url, "secret").post("/v1/models/load", {"model_id": "a"})
    assert answer == {"path": "/v1/models/load", "key": "Bearer secret", "body": '{"model_id": "a"}'}


def test_without_a_key_none_is_sent(url: str) -> None:
    assert ServerClient(url, None).get("/v1/models")["key"] is None


def test_an_address_without_scheme_means_http(url: str) -> None:
    assert ServerClient(url.removeprefix("http://"), None).get("/x")["path"] == "/x"


def test_the_message_of_an_error_is_passed_on_with_what_to_do(url: str) -> None:
    with pytest.raises(ServerError, match=r"wrong key.*--api-key"):
        ServerClient(url, None).get("/refuse")


def test_a_server_of_another_kind_is_named_as_such(url: str) -> None:
    with pytest.raises(ServerError, match="no lsrv"):
        ServerClient(url, None).get("/page")


def test_a_connection_cut_off_is_an_error(url: str) -> None:
    with pytest.raises(ServerError, match="broke off"):
        ServerClient(url, None).get("/cut")


def test_no_server_names_the_address_and_the_command_that_starts_one() -> None:
    with pytest.raises(ServerError, match=r"127\.0\.0\.1:9[^0-9](.|\n)*lsrv from-config"):
        ServerClient("http://127.0.0.1:9", None).get("/v1/models")


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:notaport", ""])
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(click.BadParameter, match="no address"):
        ServerClient(url, None).get("/v1/models")

"""Who may ask: Host, Origin, content type, keys; and the request id."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Any

import psutil
import pytest

from lsrv.api.http.access import Access, Caller, host_name, is_loopback
from lsrv.api.http.errors import ForbiddenError
from lsrv.config.server import ServerSettings
from tests.conftest import TINY, RunningServer, StartServer, wait_until

BODY = {"prompt": "a", "max_tokens": 1}


def get(server: RunningServer, path: str = "/v1/models", **headers: str) -> Any:
    return server.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:99", "[::1]:8080", "192.168.1.5"])
def test_local_names_and_addresses_are_answered(server: RunningServer, host: str) -> None:
    assert get(server, host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["host.docker.internal:1234", "host.containers.internal", "nas.local", "a.localhost", socket.gethostname()]
)
def test_names_that_no_public_dns_can_hold_are_answered(server: RunningServer, host: str) -> None:
    assert get(server, host=host).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:1234", "localhost.evil.example", "127.0.0.1.nip.io"])
def test_another_host_name_is_refused_with_the_mend(server: RunningServer, host: str) -> None:
    answer = get(server, host=host)
    assert answer.status_code == 403
    assert "allowed_hosts" in answer.json()["error"]["message"]


@pytest.mark.parametrize("host", ["a@localhost", "localhost/x", "localhost:port", "[::1", ""])
def test_a_malformed_host_is_a_400(server: RunningServer, host: str) -> None:
    assert get(server, host=host).status_code == 400


def test_an_allowed_host_is_answered(start_server: StartServer) -> None:
    own = start_server(server={"allowed_hosts": ["nas.example"]})
    assert get(own, host="nas.example:1234").status_code == 200


def test_a_foreign_origin_is_refused_with_the_mend(server: RunningServer) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:9"):
        answer = get(server, origin=origin)
        assert answer.status_code == 403
        assert "cors_origins" in answer.json()["error"]["message"]


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://]", "//", "null", "http://localhost:x", "%", ""])
def test_an_origin_that_is_none_is_refused_as_any_foreign_one(server: RunningServer, origin: str) -> None:
    answer = server.http.get("/v1/models", headers={"origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"


def test_the_servers_own_pages_are_answered(server: RunningServer) -> None:
    assert get(server, origin=server.url).status_code == 200


def test_no_origin_is_allowed_by_default(server: RunningServer) -> None:
    assert "access-control-allow-origin" not in get(server, origin=server.url).headers


def test_a_configured_origin_is_answered_with_cors_headers(start_server: StartServer) -> None:
    own = start_server(server={"cors_origins": ["https://app.example"]})
    assert get(own, origin="https://app.example").headers["access-control-allow-origin"] == "https://app.example"
    assert get(own, origin="https://other.example").status_code == 403


def test_a_preflight_is_answered_before_any_key(start_server: StartServer) -> None:
    own = start_server(server={"cors_origins": ["https://app.example"], "api_keys": ["secret"]})
    headers = {"origin": "https://app.example", "access-control-request-headers": "authorization, x-custom"}
    answer = own.http.options("/v1/chat/completions", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-headers"] == "authorization, x-custom"
    assert "POST" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_a_body_that_is_not_json_is_a_415(server: RunningServer, content_type: str) -> None:
    answer = server.http.post("/v1/completions", content=json.dumps(BODY), headers={"content-type": content_type})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json", None]
)
def test_json_by_any_of_its_names_is_answered(server: RunningServer, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert server.http.post("/v1/completions", content=json.dumps(BODY), headers=headers).status_code == 200


def test_a_compressed_body_is_a_415(server: RunningServer) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert server.http.post("/v1/completions", content=b"x", headers=headers).status_code == 415


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with an api key and an admin key."""
    running = RunningServer(
        {
            "server": {"port": 0, "spare_workers": 0, "api_keys": ["key"], "admin_keys": ["admin"]},
            "models": [{"model_id": "lsrv-demo"}],
        },
        {},
    )
    yield running
    running.stop()


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/docs", "/docs/docs.js", "/no/such"])
def test_without_a_key_there_is_nothing_to_see(locked: RunningServer, path: str) -> None:
    answer = get(locked, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
def test_health_needs_no_key(locked: RunningServer, path: str) -> None:
    assert get(locked, path).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer key"}, {"authorization": "bearer  key"}, {"x_api_key": "key"}]
)
def test_a_key_opens(locked: RunningServer, headers: dict[str, str]) -> None:
    assert get(locked, **headers).status_code == 200


@pytest.mark.parametrize("key", ["ke", "key2", "KEY", "kéy", ""])
def test_a_wrong_key_does_not(locked: RunningServer, key: str) -> None:
    assert locked.http.get("/v1/models", headers=[(b"x-api-key", key.encode())]).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/admin/reload", "//admin/reload", "/admin/reload/", "/v1/models/unload/", "/v1//models/unload", "//models/load"],
)
def test_no_spelling_of_an_admin_route_gets_by_with_an_api_key(locked: RunningServer, path: str) -> None:
    with contextlib.closing(
        http.client.HTTPConnection(locked.host, locked.port)
    ) as connection:  # httpx would tidy the path
        connection.request("POST", path, b"{}", {"x-api-key": "key", "content-type": "application/json"})
        assert connection.getresponse().status == 403


def test_model_verbs_need_an_admin_key(locked: RunningServer) -> None:
    def status(path: str, key: str) -> int:
        return locked.http.post(path, json={"model_id": "x"}, headers={"x-api-key": key}).status_code

    for path in ("/v1/models/status", "/models/status"):
        assert [status(path, key) for key in ("key", "admin", "wrong")] == [403, 200, 401]


def test_changing_adapters_needs_an_admin_key_and_listing_them_does_not(locked: RunningServer) -> None:
    def status(path: str, key: str, body: object) -> int:
        return locked.http.post(path, json=body, headers={"x-api-key": key}).status_code

    for path in ("/lora-adapters", "/v1/lora-adapters"):
        assert [status(path, key, []) for key in ("key", "admin")] == [403, 200]
        assert get(locked, path, x_api_key="key").status_code == 200
    for path in ("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/unload_lora_adapter"):
        assert [status(path, key, {"lora_name": "a"}) for key in ("key", "wrong")] == [403, 401]


def test_an_admin_key_serves_for_everything_else(locked: RunningServer) -> None:
    assert get(locked, x_api_key="admin").status_code == 200


def test_any_key_will_do_where_none_is_set(server: RunningServer) -> None:
    assert get(server, authorization="Bearer sk-anything").status_code == 200


def test_a_request_id_is_echoed_or_made(server: RunningServer) -> None:
    assert get(server, x_request_id="abc-1").headers["x-request-id"] == "abc-1"
    assert len(get(server).headers["x-request-id"]) == 16
    assert get(server, x_request_id="bad id;").headers["x-request-id"] != "bad id;"


def test_every_request_is_one_log_line_without_its_prompt(server: RunningServer) -> None:
    server.http.post("/v1/completions", json=BODY | {"prompt": "secret words"}, headers={"x-request-id": "logged"})
    # The line is written once the answer is out, which may be after it has been read.
    wait_until(lambda: any(line["request_id"] == "logged" for line in server.log_lines("request")))
    line = next(line for line in server.log_lines("request") if line["request_id"] == "logged")
    assert line["status"] == 200
    assert line["n_completion_tokens"] == 1
    assert line["model_id"] == TINY  # as it is listed, not the path of its file
    assert "secret" not in server.log


def _lan_address() -> str | None:
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not is_loopback(address.address):
                return address.address
    return None


def test_an_open_bind_without_keys_serves_this_machine(start_server: StartServer) -> None:
    own = start_server(server={"host": "0.0.0.0"})
    address = _lan_address() or "127.0.0.1"
    with socket.create_connection((address, own.port)) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % address.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("settings", "is_served"),
    [
        (ServerSettings(host="0.0.0.0"), False),
        (ServerSettings(host="0.0.0.0", insecure=True), True),
        (ServerSettings(host="0.0.0.0", api_keys=("key",)), True),
    ],
)
def test_other_machines_are_served_only_with_keys_or_by_wish(settings: ServerSettings, is_served: bool) -> None:
    caller = Caller("10.0.0.1", None, client_address="10.0.0.7", server_address="10.0.0.1")
    if is_served:
        Access(settings).check_caller(caller)
        return
    with pytest.raises(ForbiddenError, match="api_keys"):
        Access(settings).check_caller(caller)


@pytest.mark.parametrize(
    ("header", "name"), [("a:1", "a"), ("[::1]:1", "::1"), ("A.", "a"), ("a:b", None), ("", None), ("a/b", None)]
)
def test_a_host_header_is_reduced_to_its_name(header: str, name: str | None) -> None:
    assert host_name(header) == name

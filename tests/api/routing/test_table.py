"""Routes as values: which one a request means; the reference, docs and access tell of the same ones."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsrv.api.http.access import Needs
from lsrv.api.http.errors import MethodNotAllowedError, RouteNotFoundError
from lsrv.api.routes import ROUTES
from lsrv.api.routing.route import ID
from lsrv.api.routing.table import RouteTable
from lsrv.demo import MODEL_ID
from tests.conftest import RunningServer, StartServer

TABLE = RouteTable(ROUTES)
HTTP_MD = Path(__file__).parents[3] / "docs" / "http.md"
DECLARED = {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize(
    ("path", "label", "name"),
    [
        ("/v1/models", "/v1/models", ""),
        ("/models", "/v1/models", ""),
        ("//v1//models/", "/v1/models", ""),
        ("/v1/models/load", "/v1/models/load", ""),
        ("/v1/models/OWNER/NAME", "/v1/models/{id}", "OWNER/NAME"),
        ("/v1/models/OWNER/NAME/plan", "/v1/models/{id}/plan", "OWNER/NAME"),
        ("/models/plan/cache/", "/v1/models/{id}/cache", "plan"),
        ("/v1/models/plan", "/v1/models/{id}", "plan"),
        ("//v1/models/a//b", "/v1/models/{id}", "a//b"),
        ("/admin/models/models/x/logs", "/admin/models/{id}/logs", "models/x"),
        ("/admin/models/x", "other", ""),
        ("/", "/", ""),
        ("//", "/", ""),
        ("", "/", ""),
        ("/v1", "other", ""),
        ("/v1/embedding", "other", ""),
    ],
)
def test_a_path_means_one_route_however_it_is_spelled(path: str, label: str, name: str) -> None:
    resource = TABLE.at(path)
    assert (resource.label, resource.name) == (label, name)


def test_what_is_not_there_is_told_from_what_takes_other_methods() -> None:
    with pytest.raises(RouteNotFoundError):
        TABLE.at("/no/such").route("GET")
    with pytest.raises(MethodNotAllowedError) as caught:
        TABLE.at("/v1/models/a/cache").route("POST")
    assert caught.value.fields["allow"] == ["GET", "DELETE", "HEAD", "OPTIONS"]


def test_no_route_stands_twice() -> None:
    spelled = [(route.method, path) for route in ROUTES for path in route.paths]
    assert len(spelled) == len(set(spelled))


def test_only_health_and_the_page_are_for_everybody_and_what_changes_anything_is_for_admins() -> None:
    assert {route.path for route in ROUTES if route.needs is Needs.NOTHING} == {
        *("/health", "/healthz", "/readyz", "/modelz"),
        *("/", "/ui", "/ui/{id}"),  # the page asks for a key itself; its files are everybody's
        *("/api/hello", "/api/event_logging/batch"),  # a client's probes: they tell nothing, and keep nothing
    }
    admins = {(route.method, route.path) for route in ROUTES if route.needs is Needs.ADMIN_KEY}
    assert {path for method, path in admins if method == "GET"} == {
        *(path for method, path in DECLARED if method == "GET" and path.startswith("/admin/")),
        "/v1/routes",
        "/v1/routes/{id}",
        "/v1/system/info",
    }
    asked_of_models = {route.path for route in ROUTES if route.method == "POST" and route.needs is Needs.KEY}
    assert asked_of_models == {
        "/mcp",
        "/v1/chat/completions",
        *("/v1/chat/completions/input_tokens", "/v1/chat/completions/control", "/v1/streams/lookup"),
        "/v1/completions",
        "/v1/embeddings",
        "/embedding",
        "/v1/rerank",
        "/v1/reranking",
        "/v1/tokenize",
        "/v1/detokenize",
        "/v1/apply-template",
        "/api/chat",
        "/api/generate",
        "/api/embed",
        "/api/embeddings",
        *("/api/show", "/mcp"),
        *("/v1/messages", "/v1/messages/count_tokens"),
        *("/v1/responses", "/v1/responses/input_tokens", "/v1/responses/{id}/cancel", "/v1/responses/compact"),
        *("/v1/conversations", "/v1/conversations/{id}", "/v1/conversations/{id}/items"),
        *(f"/v1/audio/{each}" for each in ("transcriptions", "translations", "speech")),  # refused, whoever asks
        *(f"/v1/images/{each}" for each in ("generations", "edits", "variations")),
        *("/completion", "/infill"),
        *("/v1/generate", "/v1/generate/batch", "/v1/stream"),
        *("/api/copy", "/api/create", "/api/push", "/api/blobs/{id}", "/slots/{id}"),  # refused, whoever asks
    }


def test_the_reference_has_every_route_and_no_other(server: RunningServer) -> None:
    paths = server.http.get("/openapi.json").json()["paths"]
    described = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert described == DECLARED
    for path, operations in paths.items():
        answer = server.http.put(path.replace(ID, "a/b"))
        told = set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"}
        assert (path, answer.status_code, told) == (path, 405, {method.upper() for method in operations})


def test_the_reference_says_what_needs_no_key(server: RunningServer) -> None:
    paths = server.http.get("/openapi.json").json()["paths"]
    assert paths["/health"]["get"]["security"] == []
    assert "admin_keys" in paths["/api/pull"]["post"]["description"]
    assert "security" not in paths["/v1/chat/completions"]["post"]


def test_the_table_in_the_docs_has_every_route_and_no_other() -> None:
    assert set(_routes_of_docs()) == DECLARED


def _routes_of_docs() -> Iterator[tuple[str, str]]:
    """`GET /a`, `/b`: both by GET. `GET`, `DELETE /a`: by both. `/{a,b}`: two paths. With `/v1` or without."""
    table = HTTP_MD.read_text(encoding="utf-8").split("\n\n")[2]
    for row in table.splitlines()[2:]:
        methods: list[str] = []
        is_complete = True  # a path has followed the methods
        for words in re.findall(r"`([^`]+)`", row.split(" | ")[0]):
            method, _, path = words.rpartition(" ") if "/" in words else (words, "", "")
            if method:
                methods, is_complete = [*([] if is_complete else methods), method], bool(path)
            for each in _alternatives(path) if path else ():
                yield from ((method, TABLE.at(each.replace(ID, "x")).label) for method in methods)


def _alternatives(path: str) -> list[str]:
    found = re.search(r"\{(\w+(?:,\w+)+)\}", path)
    return [path] if found is None else [path.replace(found[0], word) for word in found[1].split(",")]


FORM = {"content-type": "multipart/form-data; boundary=x"}


def test_a_form_for_a_route_that_is_not_there_is_a_404(server: RunningServer) -> None:
    answer = server.http.post("/v1/audio/songs", content=b"--x--", headers=FORM)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_not_found")


def test_a_form_by_a_method_that_is_not_there_is_a_405_that_tells_the_others(server: RunningServer) -> None:
    answer = server.http.post("/v1/models", content=b"--x--", headers=FORM)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_preflight_tells_what_may_be_asked(server: RunningServer) -> None:
    def allowed(path: str) -> str:
        return server.http.options(path).headers["access-control-allow-methods"]

    assert allowed("/v1/chat/completions") == "POST, OPTIONS"
    assert allowed("/v1/models/a/cache") == "GET, DELETE, HEAD, OPTIONS"
    assert "POST" in allowed("/no/such")  # the page shall see its 404


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/docs.html", "/docs/docs.js", "/metrics"])
def test_a_text_names_its_charset_once(server: RunningServer, path: str) -> None:
    assert server.http.get(path).headers["content-type"].count("charset") == 1


def test_a_file_that_the_reference_has_not_is_a_404(server: RunningServer) -> None:
    answer = server.http.get("/docs/openapi.py")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_not_found")


def test_a_model_whose_id_ends_like_a_route_is_found_by_it(start_server: StartServer) -> None:
    own = start_server(models=[{"model_id": MODEL_ID, "alias": ["it", "owner/plan", "owner/cache", "a//b"]}])
    for name in ("owner/plan", "owner/cache"):
        assert own.http.get(f"/v1/models/{name}").json()["id"] == "it"
    assert own.http.get("/v1/models/owner/plan/cache").json()["model_id"] == "it"
    assert "verdict" in own.http.get("/v1/models/owner%2Fplan/plan").json()
    with contextlib.closing(http.client.HTTPConnection(own.host, own.port)) as connection:  # httpx would tidy the path
        connection.request("GET", "/v1/models/a//b")
        assert connection.getresponse().status == 200

"""Routes that change under a server that runs: who is asked from then on, and who keeps the answer it waits for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import RunningServer, wait_until
from tests.upstream_server import UpstreamServer

ENTRY = '[[models]]\nmodel_id = "{name}"\nkind = "upstream"\nupstream = {{ base_url = "{url}" }}\n'


class RoutingServer:
    """A server, its file, and the scripted upstreams that its entries name: an entry behaves as it is called."""

    def __init__(self, file: Path, upstream: UpstreamServer) -> None:
        self.file, self.upstream = file, upstream
        self.write("good busy", route("r", "good"))
        self.server = RunningServer(str(file), {})
        self.http = self.server.http

    def write(self, entries: str, *routes: str, head: str = "") -> None:
        models = [ENTRY.format(name=name, url=self.upstream.base_url(name)) for name in entries.split()]
        self.file.write_text(head + "[server]\nspare_workers = 0\n" + "".join(models) + "".join(routes))

    def reload(self) -> dict[str, Any]:
        answer = self.http.post("/admin/reload")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, model: str) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        return self.http.post("/v1/chat/completions", json=body)

    def answered_by(self, model: str) -> str:
        answer = self.ask(model)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["model"])


class Waiting:
    """A request to "r" that is with `behaviour` now; `end` lets it go on, and says who has answered."""

    def __init__(self, routing: RoutingServer, behaviour: str) -> None:
        self._routing = routing
        self._answers: list[str] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(routing.answered_by("r")))
        self._thread.start()
        wait_until(lambda: routing.upstream.requests_to(behaviour))

    def end(self) -> str:
        self._routing.upstream.script.gate.release()
        self._thread.join()
        return self._answers[0]


def route(name: str, first: str, **more: Any) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'[[routes]]\nmodel_id = "{name}"\nsplit = [{{ model = "{first}" }}]\n{lines}'


@pytest.fixture
def routing(tmp_path: Path) -> Iterator[RoutingServer]:
    with UpstreamServer() as upstream:
        routing = RoutingServer(tmp_path / "models.toml", upstream)
        yield routing
        routing.server.stop()


def test_who_is_being_asked_answers_though_the_route_leads_elsewhere_now(routing: RoutingServer) -> None:
    routing.write("waiting good", route("r", "waiting"))
    assert routing.reload()["at_once"] == ["routes.r"]
    running = Waiting(routing, "waiting")
    routing.write("good", route("r", "good"))
    report = routing.reload()
    assert (report["at_once"], report["removed"], report["needs_restart"]) == (["routes.r"], ["waiting"], [])
    assert routing.answered_by("r") == "good"
    assert running.end() == "waiting"
    shown = routing.http.get("/v1/models/r").json()["route"]
    assert [(each["model"], each["n_answered"]) for each in shown] == [("good", 1)]


def test_a_fallback_that_has_gone_is_passed_over(routing: RoutingServer) -> None:
    routing.write("sinking good busy", route("r", "sinking", fallback=["busy", "good"]))
    routing.reload()
    running = Waiting(routing, "sinking")
    routing.write("sinking good", route("r", "sinking", fallback=["good"]))
    routing.reload()
    assert running.end() == "good"
    assert routing.upstream.requests_to("busy") == []


def test_routes_come_and_go_and_one_may_become_the_default(routing: RoutingServer) -> None:
    routing.write("good", route("new", "good"), head='default_model_id = "new"\n')
    routing.server.signal(signal.SIGHUP)
    wait_until(lambda: routing.server.log_lines("config reloaded"))
    (line,) = routing.server.log_lines("config reloaded")
    assert line["at_once"] == "default_model_id, routes.r, routes.new"
    assert routing.answered_by("new") == "good"
    gone = routing.ask("r")
    assert gone.status_code == 404 and "known models: good, new" in gone.json()["error"]["message"]
    assert [model["id"] for model in routing.http.get("/v1/models").json()["data"]] == ["default", "good", "new"]
    routing.answered_by("default")
    assert routing.http.get("/v1/models/new").json()["route"][0]["n_answered"] == 2


BAD_ROUTES = [
    ("good busy", route("r", "busy", fallback=["nobody"]), 'routes["r"].fallback: "nobody" names no model'),
    ("busy", route("r", "good"), 'routes["r"].split[0].model: "good" names no model'),
    ("good busy", route("busy", "good"), 'routes["busy"].model_id: "busy" is taken'),
    ("good busy", '[[routes]]\nmodel_id = "r"\nsplit = []\n', 'routes["r"].split: is empty'),
]


def test_a_bad_route_changes_nothing_and_is_told(routing: RoutingServer) -> None:
    for entries, changed, reason in BAD_ROUTES:
        routing.write(entries, changed, route("more", "busy"))
        answer = routing.http.post("/admin/reload")
        assert answer.status_code == 400
        assert reason in answer.json()["error"]["message"]
        assert routing.answered_by("r") == "good"
        assert routing.ask("more").status_code == 404


def test_a_shadow_that_goes_while_it_is_asked_leaves_the_others_their_copies(routing: RoutingServer) -> None:
    routing.write("good gated", route("r", "good", shadow=["gated"], shadow_upstreams="true"))
    routing.reload()
    routing.answered_by("r")
    wait_until(lambda: routing.upstream.requests_to("gated"))
    routing.write("good busy", route("r", "good", shadow=["busy"], shadow_upstreams="true"))
    routing.reload()
    routing.answered_by("r")
    wait_until(lambda: routing.http.get("/v1/routes/r").json()["shadow"][0]["n_failed"] == 1)
    assert [each["model"] for each in routing.http.get("/v1/routes/r").json()["shadow"]] == ["busy"]

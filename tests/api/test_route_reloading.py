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


class House:
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

    def __init__(self, house: House, behaviour: str) -> None:
        self._house = house
        self._answers: list[str] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(house.answered_by("r")))
        self._thread.start()
        wait_until(lambda: house.upstream.requests_to(behaviour))

    def end(self) -> str:
        self._house.upstream.script.gate.release()
        self._thread.join()
        return self._answers[0]


def route(name: str, first: str, **more: Any) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'[[routes]]\nmodel_id = "{name}"\nsplit = [{{ model = "{first}" }}]\n{lines}'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with UpstreamServer() as upstream:
        house = House(tmp_path / "models.toml", upstream)
        yield house
        house.server.stop()


def test_who_is_being_asked_answers_though_the_route_leads_elsewhere_now(house: House) -> None:
    house.write("waiting good", route("r", "waiting"))
    assert house.reload()["at_once"] == ["routes.r"]
    running = Waiting(house, "waiting")
    house.write("good", route("r", "good"))
    report = house.reload()
    assert (report["at_once"], report["removed"], report["needs_restart"]) == (["routes.r"], ["waiting"], [])
    assert house.answered_by("r") == "good"
    assert running.end() == "waiting"
    shown = house.http.get("/v1/models/r").json()["route"]
    assert [(each["model"], each["n_answered"]) for each in shown] == [("good", 1)]


def test_a_fallback_that_has_gone_is_passed_over(house: House) -> None:
    house.write("sinking good busy", route("r", "sinking", fallback=["busy", "good"]))
    house.reload()
    running = Waiting(house, "sinking")
    house.write("sinking good", route("r", "sinking", fallback=["good"]))
    house.reload()
    assert running.end() == "good"
    assert house.upstream.requests_to("busy") == []


def test_routes_come_and_go_and_one_may_become_the_default(house: House) -> None:
    house.write("good", route("new", "good"), head='default_model_id = "new"\n')
    house.server.signal(signal.SIGHUP)
    wait_until(lambda: house.server.log_lines("config reloaded"))
    (line,) = house.server.log_lines("config reloaded")
    assert line["at_once"] == "default_model_id, routes.r, routes.new"
    assert house.answered_by("new") == "good"
    gone = house.ask("r")
    assert gone.status_code == 404 and "known models: good, new" in gone.json()["error"]["message"]
    assert [model["id"] for model in house.http.get("/v1/models").json()["data"]] == ["default", "good", "new"]
    house.answered_by("default")
    assert house.http.get("/v1/models/new").json()["route"][0]["n_answered"] == 2


BAD_ROUTES = [
    ("good busy", route("r", "busy", fallback=["nobody"]), 'routes["r"].fallback: "nobody" names no model'),
    ("busy", route("r", "good"), 'routes["r"].split[0].model: "good" names no model'),
    ("good busy", route("busy", "good"), 'routes["busy"].model_id: "busy" is taken'),
    ("good busy", '[[routes]]\nmodel_id = "r"\nsplit = []\n', 'routes["r"].split: is empty'),
]


def test_a_bad_route_changes_nothing_and_is_told(house: House) -> None:
    for entries, changed, reason in BAD_ROUTES:
        house.write(entries, changed, route("more", "busy"))
        answer = house.http.post("/admin/reload")
        assert answer.status_code == 400
        assert reason in answer.json()["error"]["message"]
        assert house.answered_by("r") == "good"
        assert house.ask("more").status_code == 404


def test_a_shadow_that_goes_while_it_is_asked_leaves_the_others_their_copies(house: House) -> None:
    house.write("good gated", route("r", "good", shadow=["gated"], shadow_upstreams="true"))
    house.reload()
    house.answered_by("r")
    wait_until(lambda: house.upstream.requests_to("gated"))
    house.write("good busy", route("r", "good", shadow=["busy"], shadow_upstreams="true"))
    house.reload()
    house.answered_by("r")
    wait_until(lambda: house.http.get("/v1/routes/r").json()["shadow"][0]["n_failed"] == 1)
    assert [each["model"] for each in house.http.get("/v1/routes/r").json()["shadow"]] == ["busy"]

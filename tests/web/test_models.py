"""The views of the server on the page: models with their states, getting more of them, and what the server does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import RunningServer, StartServer, copies_of_stories
from tests.hub_server import HubServer
from tests.models import STORIES
from tests.web.scripted_model import ScriptedModel


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name, exact=True))


def test_a_model_is_loaded_and_unloaded_and_its_memory_is_shown(page: Page, web_server: RunningServer) -> None:
    web_server.http.post("/v1/models/unload", json={"model_id": "tiny"})
    page.goto(f"{web_server.url}/#/models")
    page.get_by_role("button", name="Load tiny", exact=True).click()
    expect(card(page, "tiny")).to_contain_text("512 tokens of context")
    expect(page.get_by_role("region", name="Memory").get_by_text(re.compile("^tiny"))).to_be_visible()
    page.get_by_role("button", name="Unload tiny", exact=True).click()
    expect(card(page, "tiny")).to_contain_text("unloaded: its operator asked for it")


def test_what_happens_elsewhere_is_seen_at_once(page: Page, web_server: RunningServer) -> None:
    web_server.http.post("/v1/models/unload", json={"model_id": "tiny"})
    page.goto(f"{web_server.url}/#/models")
    expect(page.get_by_role("button", name="Load tiny", exact=True)).to_be_visible()
    web_server.http.post("/v1/models/load", json={"model_id": "tiny"})
    expect(page.get_by_role("button", name="Unload tiny", exact=True)).to_be_visible()
    web_server.http.post("/v1/models/disable", json={"model_id": "tiny"})
    page.get_by_role("button", name="Enable tiny", exact=True).click()
    expect(page.get_by_role("button", name="Load tiny", exact=True)).to_be_visible()


def test_a_load_that_makes_another_model_leave_says_so_before(
    page: Page, start_server: StartServer, tmp_path: Path
) -> None:
    own = start_server(server={"max_loaded_models": 1}, models=copies_of_stories(tmp_path)[:2])
    own.http.post("/v1/models/load", json={"model_id": "tiny"})
    page.goto(f"{own.url}/#/models")
    page.get_by_role("button", name="Load other/tiny:b").click()
    question = page.get_by_role("group", name="Load other/tiny:b?")
    expect(question).to_contain_text("tiny")
    expect(page.get_by_role("button", name="Unload tiny", exact=True)).to_be_visible()
    question.get_by_role("button", name="Load it").click()
    expect(page.get_by_role("button", name="Unload other/tiny:b")).to_be_visible()
    expect(card(page, "tiny")).to_contain_text("unloaded")


def test_a_model_is_kept_when_idle_and_made_the_default(page: Page, web_server: RunningServer) -> None:
    web_server.http.post("/v1/models/load", json={"model_id": "tiny"})
    page.goto(f"{web_server.url}/#/models")
    card(page, "tiny").get_by_text("Details of tiny").click()
    expect(card(page, "tiny")).to_contain_text("Architecture")
    card(page, "tiny").get_by_role("button", name="Keep it when idle").click()
    expect(card(page, "tiny").get_by_text("kept", exact=True)).to_be_visible()
    card(page, "scripted").get_by_text("Details of scripted").click()
    card(page, "scripted").get_by_role("button", name="Make it the default").click()
    expect(card(page, "scripted").get_by_text("default", exact=True)).to_be_visible()
    assert web_server.http.get("/admin/status").json()["default_model_id"] == "scripted"
    web_server.http.post("/admin/default", json={"model_id": "tiny"})


def test_a_model_that_can_not_be_loaded_says_why(page: Page, web_server: RunningServer) -> None:
    page.goto(f"{web_server.url}/#/models")
    page.get_by_role("button", name="Load broken").click()
    expect(page.get_by_role("alert").first).to_contain_text("broken")


def test_a_model_is_fetched_with_its_steps_and_a_way_to_stop_and_what_fails_is_said(
    page: Page, start_server: StartServer, hub_server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hub_server.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    hub_server.add_repo("own/m-GGUF", {"m-F32.gguf": STORIES})
    own = start_server()
    page.goto(f"{own.url}/#/models")
    field = page.get_by_role("textbox", name="Name of a model")
    field.fill("own/nothing")
    page.get_by_role("button", name="Get it").click()
    expect(page.get_by_role("alert")).to_contain_text("own/nothing")
    hub_server.fail_next(path="/blobs/", hold_after=200_000)
    field.fill("own/m-GGUF")
    page.keyboard.press("Enter")
    expect(page.get_by_role("progressbar", name="Getting own/m-GGUF")).to_be_visible()
    expect(page.get_by_text(re.compile(r"m-F32.gguf .* of 1.1 MiB"))).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("What was downloaded is kept")).to_be_visible()
    hub_server.release()
    page.get_by_role("button", name="Get it").click()
    expect(page.get_by_text("is on this disk", exact=True)).to_be_visible()
    expect(page.get_by_label("Lines for models.toml")).to_contain_text('model_id = "own/m-GGUF"')


def test_a_model_that_another_program_left_on_this_disk_is_served_with_one_click(
    page: Page, start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home/.lmstudio/models/pub/stories-GGUF"
    folder.mkdir(parents=True)
    (folder / "stories-F32.gguf").write_bytes(STORIES.read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    own = start_server()
    page.goto(f"{own.url}/#/models")
    expect(page.get_by_role("region", name="On this disk, not served")).to_contain_text("LM Studio")
    page.get_by_role("button", name="Serve stories").click()
    expect(page.get_by_role("button", name="Load stories")).to_be_visible()
    expect(page.get_by_role("region", name="On this disk, not served")).to_have_count(0)


def test_requests_are_shown_as_they_come_and_the_server_tells_of_itself(page: Page, web_server: RunningServer) -> None:
    page.goto(f"{web_server.url}/#/activity")
    expect(page.get_by_text("Nothing has been asked since this page was opened.")).to_be_visible()
    for max_tokens in (2, -5):
        web_server.http.post(
            "/v1/chat/completions", json={"model": "tiny", "messages": "Once", "max_tokens": max_tokens}
        )
    rows = page.get_by_role("group", name="Requests").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("400 ")
    expect(rows.nth(2)).to_contain_text("200 answered")
    expect(page.get_by_role("region", name="Server")).to_contain_text("none: started without a file")


def test_routes_are_shown_with_their_figures(page: Page, web_server: RunningServer, scripted: ScriptedModel) -> None:
    scripted.say("Yes.")
    body = {"model": "split", "messages": "Once", "stream": True}
    assert "Yes." in web_server.http.post("/v1/chat/completions", json=body).text
    page.goto(f"{web_server.url}/#/models")
    expect(page.get_by_role("row", name=re.compile(r"^scripted 1 [1-9]\d* 0 0"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"^tiny . 0 0 0"))).to_be_visible()

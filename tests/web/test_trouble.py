"""When things go wrong: what the page says, what it keeps, and that it comes back by itself."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.conftest import RunningServer, StartServer
from tests.web.conftest import answers, choose_model, say, violations
from tests.web.scripted_model import BREAK, STEP, ScriptedModel
from tests.web.way_to_server import WayToServer

# No answer is allowed to end before this many; and the model's context is shifted when it is full.
ENDLESS = '{"type": "array", "items": {"type": "boolean"}, "minItems": 50000}'


def test_a_prompt_that_is_too_long_is_answered_with_what_to_do(page: Page, web_server: RunningServer) -> None:
    page.goto(web_server.url)
    choose_model(page, "tiny")
    say(page, "once " * 700)
    failure = answers(page).get_by_role("group", name="Error")
    expect(failure).to_contain_text("maximum context length is 512 tokens")
    expect(failure).to_contain_text("Begin a new chat")


def test_an_upstream_that_breaks_off_ends_the_answer_with_an_error_and_keeps_its_beginning(
    chat: Page, scripted: ScriptedModel
) -> None:
    scripted.say("So far so good.", BREAK)
    say(chat, "Hello")
    expect(answers(chat)).to_contain_text("So far so good.")
    expect(answers(chat).get_by_role("group", name="Error")).to_contain_text("The answer broke off")
    scripted.say("Whole.")
    chat.get_by_role("button", name="Another answer").click()
    expect(chat.get_by_text("Whole.")).to_be_visible()


def test_a_model_that_is_unloaded_by_force_while_it_writes_ends_its_answer_with_an_error(
    page: Page, web_server: RunningServer
) -> None:
    page.goto(web_server.url)
    choose_model(page, "other/tiny:b")
    page.get_by_role("button", name="Settings of this chat").click()
    page.get_by_role("textbox", name="JSON Schema").fill(ENDLESS)
    page.keyboard.press("Escape")
    say(page, "Once upon a time")
    expect(answers(page).locator(".markdown")).to_be_visible()
    web_server.http.post("/v1/models/unload", json={"model_id": "other/tiny:b", "force": True})
    expect(answers(page).get_by_role("group", name="Error")).to_contain_text("The answer broke off")
    expect(answers(page).get_by_role("button", name="Another answer")).to_be_enabled()


def test_a_server_that_goes_and_comes_back_is_noticed_and_the_chat_goes_on(
    page: Page, scripted: ScriptedModel, start_server: StartServer
) -> None:
    upstream = {"model_id": "scripted", "kind": "upstream", "upstream": {"base_url": scripted.base_url}}
    with WayToServer() as way:
        first = start_server(models=[upstream])
        way.target = first.port
        page.goto(way.url)
        scripted.say("Half. ", STEP, "Never.")
        say(page, "Hello")
        expect(page.get_by_text("Half.")).to_be_visible()
        way.cut()
        first.process.kill()
        away = page.get_by_text(re.compile("The server does not answer. What is written here is kept"))
        expect(away).to_be_visible()
        expect(answers(page)).to_contain_text("The answer broke off")
        way.target = start_server(models=[upstream]).port
        expect(away).to_have_count(0)
        scripted.say("Back again.")
        page.get_by_role("button", name="Another answer").click()
        expect(page.get_by_text("Back again.")).to_be_visible()


def test_a_key_is_asked_for_and_kept_for_the_tab_alone(
    page: Page, locked: RunningServer, scripted: ScriptedModel
) -> None:
    assert [locked.http.get(path).status_code for path in ("/", "/ui/app.js", "/v1/models")] == [200, 200, 401]
    page.goto(locked.url)
    expect(page.get_by_role("textbox", name="Key")).to_be_focused()
    page.get_by_role("textbox", name="Key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The key is not one of this server's.")
    assert violations(page) == []
    page.get_by_role("textbox", name="Key").fill("opens")
    page.keyboard.press("Enter")
    scripted.say("Welcome.")
    say(page, "Hello")
    expect(page.get_by_text("Welcome.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Welcome.")).to_be_visible()
    assert page.context.cookies() == []
    assert "opens" not in page.evaluate("JSON.stringify(localStorage)")
    other = page.context.new_page()
    other.goto(locked.url)
    expect(other.get_by_role("dialog", name="This server needs a key")).to_be_visible()


def test_what_is_for_admins_appears_with_an_admin_key(page: Page, locked: RunningServer) -> None:
    page.goto(f"{locked.url}/#/models")
    page.get_by_role("textbox", name="Key").fill("opens")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Enter one").click()
    page.get_by_role("textbox", name="Key").fill("rules")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Enter one")).to_have_count(0)
    expect(page.get_by_role("heading", name="scripted")).to_be_visible()

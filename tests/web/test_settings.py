"""The drawer with the settings of a chat: what it does to a request, and that it opens and closes whatever happens."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.conftest import RunningServer
from tests.web.conftest import say
from tests.web.scripted_model import STEP, ScriptedModel

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def open_settings(page: Page) -> None:
    page.get_by_role("button", name="Settings of this chat").click()


def test_settings_go_with_the_next_request_and_nothing_else_does(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("Yes.")
    open_settings(chat)
    chat.get_by_role("textbox", name="System prompt").fill("Be brief.")
    chat.get_by_role("textbox", name="Temperature").fill("0.5")
    chat.get_by_role("textbox", name="Stop at").fill("END\n###")
    chat.get_by_role("textbox", name="JSON Schema").fill(json.dumps(SCHEMA))
    say(chat, "Hello")
    expect(chat.get_by_text("Yes.")).to_be_visible()
    body = scripted.bodies[-1]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["temperature"], body["stop"]) == (0.5, ["END", "###"])
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert not {"top_p", "top_k", "seed", "max_tokens", "tools", "adapters"} & body.keys()


def test_what_is_wrong_with_a_setting_is_said_and_nothing_is_sent(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("Yes.")
    open_settings(chat)
    chat.get_by_role("textbox", name="Temperature").fill("warm")
    chat.get_by_role("textbox", name="JSON Schema").fill("{")
    expect(chat.get_by_text("This is no number.")).to_be_visible()
    say(chat, "Hello")
    expect(chat.get_by_role("alert")).to_contain_text("Temperature: This is no number.")
    assert not scripted.bodies
    chat.get_by_role("button", name="Reset all").click()
    say(chat, "Hello")
    expect(chat.get_by_text("Yes.")).to_be_visible()


def test_escape_closes_the_drawer_whatever_has_the_focus(chat: Page) -> None:
    drawer = chat.get_by_role("complementary", name="Settings of this chat")
    for name in ("System prompt", "Temperature", "Message"):
        open_settings(chat)
        chat.get_by_role("textbox", name=name).focus()
        chat.keyboard.press("Escape")
        expect(drawer).to_have_count(0)


def test_escape_in_the_same_instant_as_the_opening_closes_the_drawer(chat: Page) -> None:
    chat.evaluate(
        """() => {
            const escape = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
            document.querySelector("[aria-label^='Settings of this chat']").click();
            document.body.dispatchEvent(escape);
        }"""
    )
    expect(chat.get_by_role("button", name="Settings of this chat")).to_have_attribute("aria-expanded", "false")
    expect(chat.get_by_role("complementary")).to_have_count(0)


def test_escape_closes_what_is_open_before_it_stops_an_answer(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("Begun. ", STEP, "Done.")
    say(chat, "Hello")
    expect(chat.get_by_text("Begun.")).to_be_visible()
    open_settings(chat)
    chat.keyboard.press("Escape")
    expect(chat.get_by_role("complementary")).to_have_count(0)
    scripted.go_on()
    expect(chat.get_by_text("Begun. Done.")).to_be_visible()


def test_an_adapter_is_chosen_by_its_name_and_weight(page: Page, demo_server: RunningServer) -> None:
    page.goto(demo_server.url)
    open_settings(page)
    page.get_by_role("checkbox", name="pirate").check()
    page.get_by_role("textbox", name="Weight").fill("0.5")
    with page.expect_request("**/v1/chat/completions") as sent:
        say(page, "What is lsrv?")
    assert sent.value.post_data_json["adapters"] == [{"name": "pirate", "weight": 0.5}]
    expect(page.get_by_role("article", name="Answer of demo").get_by_text("tok/s")).to_be_visible()

"""The page without mouse, without sight, on a phone, in the dark: axe finds nothing, and everything can be reached."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import RunningServer
from tests.web.conftest import answers, choose_model, say, violations
from tests.web.scripted_model import ScriptedModel

RICH = (
    "# Head\n\nSome `code` and [a link](https://example.com).\n\n"
    "```python\ndef one():  # comment\n    return 'a'\n```\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n\n> quote\n\n$$x^2$$\n"
)
CALL = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}]}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_a_chat_and_what_opens_over_it(
    page: Page, web_server: RunningServer, scripted: ScriptedModel, scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(web_server.url)
    expect(page.get_by_role("heading", name="Ask anything")).to_be_visible()
    assert violations(page) == []
    choose_model(page, "scripted")
    scripted.say({"reasoning_content": "A thought."}, RICH, CALL)
    say(page, "Everything")
    expect(answers(page).locator(".hljs-keyword").first).to_be_visible()
    expect(answers(page).locator("math")).to_be_visible()
    page.get_by_text(re.compile("^Thought")).click()
    assert violations(page) == []
    page.get_by_role("button", name=re.compile("^Settings of this chat")).click()
    page.get_by_role("textbox", name="Temperature").fill("warm")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Model: scripted").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+/")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_in_the_views_of_the_server(page: Page, web_server: RunningServer, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{web_server.url}/#/models")
    expect(page.get_by_role("region", name="Memory")).to_be_visible()
    page.get_by_text("Details of tiny", exact=True).click()
    expect(page.get_by_text("Log of the worker").first).to_be_visible()
    assert violations(page) == []
    page.goto(f"{web_server.url}/#/activity")
    web_server.http.post("/v1/chat/completions", json={"model": "tiny", "messages": "Once", "max_tokens": 2})
    expect(page.get_by_text("200 answered").first).to_be_visible()
    assert violations(page) == []


def test_nothing_is_wider_than_the_window(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("x" * 400, "\n\n```\n", "y" * 400, "\n```\n\n| " + "z" * 400 + " |\n|---|\n| 1 |\n")
    say(chat, "wide " * 3 + "w" * 400)
    expect(answers(chat).get_by_role("button", name="Copy text")).to_be_visible()
    for width in (390, 768, 1280):
        chat.set_viewport_size({"width": width, "height": 844})
        for name in ("Settings of this chat", "More", "Model: scripted"):
            chat.get_by_role("button", name=name, exact=True).click()
            box = chat.locator(".drawer, .menu").bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width + 17  # its way in
            assert chat.evaluate("document.documentElement.scrollWidth") <= width
            chat.keyboard.press("Escape")


def test_on_a_phone_the_list_slides_in_and_out(page: Page, web_server: RunningServer) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(web_server.url)
    expect(page.get_by_role("link", name="Models", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Conversations and views").click()
    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Models", exact=True)).to_be_hidden()


def test_a_chat_can_be_had_with_the_keyboard_alone(
    page: Page, web_server: RunningServer, scripted: ScriptedModel
) -> None:
    page.goto(web_server.url)
    scripted.say("By keys.")
    page.get_by_role("button", name=re.compile("^Model: ")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox", name="Find a model")).to_be_focused()
    page.keyboard.type("scripted-t")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Model: scripted-too")).to_be_focused()
    page.get_by_role("textbox", name="Message").focus()
    page.keyboard.type("Two")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("lines")
    page.keyboard.press("Enter")
    expect(page.get_by_text("By keys.")).to_be_visible()
    assert scripted.bodies[-1]["messages"][0]["content"] == "Two\nlines"
    expect(page.get_by_role("status").filter(has_text="The answer is complete.")).to_be_attached()
    page.keyboard.press("Control+Shift+Enter")
    expect(page.get_by_role("heading", name="Ask anything")).to_be_visible()

"""Chatting on the page, in a real browser: what is sent, what comes, and what can be done while it comes."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.conftest import RunningServer
from tests.web.conftest import choose_model, say
from tests.web.scripted_model import STEP, ScriptedModel


def test_a_message_is_answered_with_its_figures(page: Page, web_server: RunningServer) -> None:
    page.goto(web_server.url)
    choose_model(page, "tiny")
    say(page, "Once upon a time")
    answer = page.get_by_role("article", name="Answer of tiny")
    expect(answer.get_by_text("tok/s")).to_be_visible()
    expect(answer.get_by_text(re.compile("to first"))).to_be_visible()
    expect(answer.get_by_text(re.compile("of 512 context"))).to_be_visible()


def test_an_answer_is_shown_as_it_comes_and_can_be_stopped(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("First words. ", STEP, "Never said.")
    say(chat, "Hello")
    expect(chat.get_by_text("First words.")).to_be_visible()
    chat.get_by_role("button", name="Stop").click()
    expect(chat.get_by_text("Stopped.", exact=True).first).to_be_visible()
    expect(chat.get_by_text("First words.")).to_be_visible()
    expect(chat.get_by_role("button", name="Send", exact=True)).to_be_visible()


def test_a_conversation_is_there_after_a_reload(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("An answer to keep.")
    say(chat, "Something to keep")
    expect(chat.get_by_text("70").or_(chat.get_by_text("30 tokens")).first).to_be_visible()
    expect(chat.get_by_role("button", name="Another answer")).to_be_enabled()
    chat.reload()
    expect(chat.get_by_text("An answer to keep.")).to_be_visible()
    expect(chat.get_by_role("link", name=re.compile("Something to keep"))).to_be_visible()

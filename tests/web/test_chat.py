"""Chatting on the page, in a real browser: what is sent, what comes, and what can be done with it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.conftest import RunningServer
from tests.web.conftest import answers, choose_model, say
from tests.web.scripted_model import STEP, ScriptedModel


def test_a_message_is_answered_with_its_figures(page: Page, web_server: RunningServer) -> None:
    page.goto(web_server.url)
    choose_model(page, "tiny")
    say(page, "Once upon a time")
    answer = page.get_by_role("article", name="Answer of tiny")
    expect(answer.get_by_text("tok/s")).to_be_visible()
    expect(answer.get_by_text(re.compile("to first"))).to_be_visible()
    expect(answer.get_by_text(re.compile("of 512 context"))).to_be_visible()
    expect(page.get_by_role("meter", name=re.compile("of 512 tokens of context used"))).to_be_visible()


def test_an_answer_is_shown_as_it_comes_and_can_be_stopped_and_continued(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("First words. ", STEP, "Never said.")
    say(chat, "Hello")
    expect(chat.get_by_text("First words.")).to_be_visible()
    chat.keyboard.press("Escape")
    expect(chat.get_by_role("article").get_by_text("Stopped.")).to_be_visible()
    scripted.say("Then the rest.")
    chat.get_by_role("button", name="Continue").click()
    expect(answers(chat)).to_contain_text("First words. Then the rest.")
    assert scripted.bodies[-1]["messages"][-1] == {"role": "assistant", "content": "First words. "}
    expect(chat.get_by_role("button", name="Stop")).to_have_count(0)


def test_an_edited_message_makes_a_branch_and_the_one_before_can_be_seen_again(
    chat: Page, scripted: ScriptedModel
) -> None:
    scripted.say("Of the first.")
    say(chat, "First question")
    expect(chat.get_by_text("Of the first.")).to_be_visible()
    scripted.say("Of the second.")
    chat.get_by_role("button", name="Edit and send again").click()
    chat.get_by_role("textbox", name="Edit the message").fill("Second question")
    chat.get_by_role("article", name="You").get_by_role("button", name="Send", exact=True).click()
    expect(chat.get_by_text("Of the second.")).to_be_visible()
    expect(chat.get_by_text("Of the first.")).to_have_count(0)
    chat.get_by_role("button", name="The version before").click()
    expect(chat.get_by_text("Of the first.")).to_be_visible()
    assert [message["content"] for message in scripted.bodies[-1]["messages"]] == ["Second question"]


def test_another_answer_stands_beside_the_first_one(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("Once.")
    say(chat, "Hello")
    expect(chat.get_by_text("Once.")).to_be_visible()
    scripted.say("Twice.")
    chat.get_by_role("button", name="Another answer").click()
    expect(chat.get_by_text("Twice.")).to_be_visible()
    expect(chat.get_by_role("group", name="Versions")).to_contain_text("2 / 2")
    chat.get_by_role("button", name="Delete the answer").click()
    expect(chat.get_by_text("Once.")).to_be_visible()


def test_a_conversation_goes_on_with_another_model(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("From the first.")
    say(chat, "Hello")
    expect(chat.get_by_text("From the first.")).to_be_visible()
    choose_model(chat, "scripted-too")
    scripted.say("From the second.")
    say(chat, "And you?")
    expect(chat.get_by_role("article", name="Answer of scripted-too")).to_contain_text("From the second.")
    assert [message["content"] for message in scripted.bodies[-1]["messages"]] == [
        *("Hello", "From the first.", "And you?")
    ]


def test_two_models_answer_side_by_side_and_the_preferred_one_goes_on(chat: Page, scripted: ScriptedModel) -> None:
    chat.get_by_role("button", name="Ask two models side by side").click()
    choose_model(chat, "scripted-too", of="Second model")
    scripted.say("An answer.")
    say(chat, "Compare")
    expect(answers(chat)).to_have_count(2)
    chat.get_by_role("article", name="Answer of scripted-too").get_by_role("button", name="Prefer this").click()
    expect(chat.get_by_role("article", name="Answer of scripted-too")).to_be_visible()
    expect(chat.get_by_role("group", name="Versions")).to_contain_text("1 / 2")


def test_blind_answers_have_no_names_until_one_is_preferred(chat: Page, scripted: ScriptedModel) -> None:
    chat.get_by_role("button", name="Ask two models side by side").click()
    choose_model(chat, "scripted-too", of="Second model")
    chat.get_by_role("checkbox", name="Blind").check()
    scripted.say("An answer.")
    say(chat, "Compare")
    expect(chat.get_by_role("article", name="Answer A")).to_contain_text("An answer.")
    expect(chat.get_by_role("article", name="Answer B")).to_contain_text("An answer.")
    expect(chat.locator("main")).not_to_contain_text("scripted")
    chat.get_by_role("button", name="Prefer B").click()
    expect(chat.get_by_role("article", name=re.compile("Answer of scripted"))).to_be_visible()


def test_thoughts_are_folded_and_told_apart_from_the_answer(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say({"reasoning_content": "Deep inside."}, STEP, "The answer.")
    say(chat, "Think")
    expect(chat.get_by_text("Thinking…")).to_be_visible()
    scripted.go_on()
    expect(chat.get_by_text("The answer.")).to_be_visible()
    expect(chat.get_by_text("Deep inside.")).to_be_hidden()
    chat.get_by_text(re.compile("^Thought")).click()
    expect(chat.get_by_text("Deep inside.")).to_be_visible()


def test_calls_are_shown_and_their_results_go_back_to_the_model(chat: Page, scripted: ScriptedModel) -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":'}}
    rest = {"index": 0, "function": {"arguments": '"Rome"}'}}
    scripted.say({"tool_calls": [call]}, {"tool_calls": [rest]})
    tools = '[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]'
    chat.get_by_role("button", name="Settings of this chat").click()
    chat.get_by_role("textbox", name="Tools").fill(tools)
    chat.keyboard.press("Escape")
    say(chat, "Weather in Rome?")
    expect(chat.get_by_label("Arguments of weather")).to_contain_text('"city": "Rome"')
    scripted.say("It is sunny.")
    chat.get_by_role("textbox", name="What it gave").fill("sun")
    chat.get_by_role("button", name="Send the result").click()
    expect(chat.get_by_text("It is sunny.")).to_be_visible()
    body = scripted.bodies[-1]
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":"Rome"}'}
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "sun"}

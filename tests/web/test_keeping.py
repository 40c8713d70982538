"""What stays: conversations and drafts over reloads, in files, and what can be found in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect

from tests.conftest import RunningServer
from tests.web.conftest import answers, choose_model, say
from tests.web.scripted_model import STEP, ScriptedModel


def test_a_conversation_is_there_after_a_reload(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("An answer to keep.")
    say(chat, "Something to keep")
    expect(chat.get_by_text("30 tokens")).to_be_visible()
    chat.reload()
    expect(chat.get_by_text("An answer to keep.")).to_be_visible()
    expect(chat.get_by_role("link", name=re.compile("Something to keep"))).to_be_visible()


def test_a_reload_in_the_middle_of_an_answer_keeps_what_was_said_and_offers_to_go_on(
    chat: Page, scripted: ScriptedModel
) -> None:
    scripted.say("Half of it. ", STEP, "Never.")
    say(chat, "Tell me")
    expect(chat.get_by_text("Half of it.")).to_be_visible()
    chat.reload()
    expect(chat.get_by_text("Tell me").last).to_be_visible()
    expect(chat.get_by_text("The page was closed while this was written.")).to_be_visible()
    scripted.say("Anew.")
    chat.get_by_role("button", name="Another answer").click()
    expect(chat.get_by_text("Anew.")).to_be_visible()


def test_a_draft_survives_a_reload_and_belongs_to_its_conversation(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("Yes.")
    say(chat, "First")
    expect(chat.get_by_text("Yes.")).to_be_visible()
    chat.get_by_role("textbox", name="Message").fill("not sent yet")
    chat.reload()
    expect(chat.get_by_role("textbox", name="Message")).to_have_value("not sent yet")
    chat.get_by_role("button", name="New chat").click()
    expect(chat.get_by_role("textbox", name="Message")).to_have_value("")
    chat.go_back()
    expect(chat.get_by_role("textbox", name="Message")).to_have_value("not sent yet")


def test_a_search_finds_what_was_said_in_answers(chat: Page, scripted: ScriptedModel) -> None:
    for answer, question in (("A zebra appears.", "First question"), ("Nothing here.", "Second question")):
        scripted.say(answer)
        chat.get_by_role("button", name="New chat").click()
        say(chat, question)
        expect(chat.get_by_text(answer)).to_be_visible()
    chat.keyboard.press("Control+k")
    chat.keyboard.type("ZEBRA appears")
    conversations = chat.get_by_role("navigation").get_by_role("link", name=re.compile("question"))
    expect(conversations).to_have_count(1)
    expect(conversations).to_contain_text("First question")


def test_a_conversation_goes_out_as_json_and_comes_in_again(
    chat: Page, scripted: ScriptedModel, web_server: RunningServer, tmp_path: Path
) -> None:
    scripted.say("Exported **text**.")
    say(chat, "To a file")
    expect(chat.get_by_text("30 tokens")).to_be_visible()
    with chat.expect_download() as download:
        chat.get_by_role("button", name="Export all").click()
    file = tmp_path / "all.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["format"] == "lsrv.conversations"
    chat.once("dialog", lambda dialog: dialog.accept())
    chat.get_by_role("button", name=re.compile("^Delete “To a file")).click()
    expect(chat.get_by_role("link", name=re.compile("To a file"))).to_have_count(0)
    chat.locator("input[type=file][accept*=json]").set_input_files(file)
    chat.get_by_role("link", name=re.compile("To a file")).click()
    expect(answers(chat).locator("strong")).to_have_text("text")


def test_a_conversation_goes_out_as_markdown_and_comes_in_again(
    chat: Page, scripted: ScriptedModel, tmp_path: Path
) -> None:
    scripted.say("A list:\n\n- one\n\n```\n## You\n```\n")
    say(chat, "Write a list")
    expect(chat.get_by_text("30 tokens")).to_be_visible()
    chat.get_by_role("button", name="More", exact=True).click()
    with chat.expect_download() as download:
        chat.get_by_role("button", name="Export as Markdown").click()
    file = tmp_path / "chat.md"
    download.value.save_as(file)
    assert file.read_text().startswith("# Write a list\n\n## You\n\nWrite a list\n\n## Assistant (scripted)\n\nA list:")
    chat.locator("input[type=file][accept*=json]").set_input_files(file)
    expect(chat.get_by_role("link", name=re.compile("Write a list"))).to_have_count(2)
    chat.get_by_role("link", name=re.compile("Write a list")).first.click()
    expect(chat.get_by_role("article")).to_have_count(2)


def test_a_file_that_holds_no_conversation_is_refused_with_its_name(chat: Page, tmp_path: Path) -> None:
    contents = {
        "other.json": "{}",
        "broken.json": "{",
        "lies.json": json.dumps(
            {
                "format": "lsrv.conversations",
                "version": 1,
                "conversations": [{"nodes": {}, "roots": ["x"], "chosen": {}}],
            }
        ),
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
        chat.locator("input[type=file][accept*=json]").set_input_files(tmp_path / name)
        expect(chat.get_by_text(re.compile(f"0 imported. {name}"))).to_be_visible()


def test_an_imported_file_can_not_make_the_page_fail(chat: Page, tmp_path: Path) -> None:
    told = long_conversation(1)
    (conversation,) = told["conversations"]
    wrong = {"files": 7, "calls": {"a": 1}, "stats": {"rate": "fast"}, "error": 3, "reasoning": [], "rival": 1}
    for node in conversation["nodes"].values():
        node |= wrong | {"state": "writing"}
    conversation |= {"settings": {"adapters": 1, "temperature": {}}, "chosen": {"x": "y"}, "title": None}
    (tmp_path / "odd.json").write_text(json.dumps(told))
    chat.locator("input[type=file][accept*=json]").set_input_files(tmp_path / "odd.json")
    chat.get_by_role("link", name="Untitled").click()
    expect(chat.get_by_text("Answer 0")).to_be_visible()
    expect(chat.get_by_text("The page was closed while this was written.")).to_be_visible()


def test_text_files_and_long_pastes_are_attached_and_others_are_refused(
    chat: Page, scripted: ScriptedModel, tmp_path: Path
) -> None:
    notes, other = tmp_path / "notes.txt", tmp_path / "other.bin"
    notes.write_text("a note with ``` in it")
    other.write_bytes(b"\x00\xff")
    scripted.say("Read.")
    chat.locator("input[aria-label='Files']").set_input_files([notes, other])
    expect(chat.get_by_role("alert")).to_contain_text("other.bin is neither text nor a picture")
    chat.evaluate(
        """() => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", "long ".repeat(1000));
            const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
            document.querySelector(".composer textarea").dispatchEvent(paste);
        }"""
    )
    expect(chat.get_by_role("list", name="Attached").get_by_text("pasted-2.txt")).to_be_visible()
    say(chat, "What do they say?")
    expect(chat.get_by_text("Read.")).to_be_visible()
    content = scripted.bodies[-1]["messages"][0]["content"]
    assert content.startswith("notes.txt:\n````\na note with ``` in it\n````\n\npasted-2.txt:\n")
    assert content.endswith("What do they say?")


def test_a_picture_is_shown_sent_and_kept(chat: Page, scripted: ScriptedModel, tmp_path: Path) -> None:
    picture = tmp_path / "dot.png"
    Image.new("RGB", (2, 2), "red").save(picture)
    scripted.say("A red dot.")
    chat.locator("input[aria-label='Files']").set_input_files([picture])
    expect(chat.get_by_role("list", name="Attached").get_by_text("dot.png")).to_be_visible()
    say(chat, "What is this?")
    expect(chat.get_by_text("A red dot.")).to_be_visible()
    image, text = scripted.bodies[-1]["messages"][0]["content"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,") and text["text"] == "What is this?"
    chat.reload()
    shown = chat.get_by_role("img", name="dot.png")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 2


def test_a_conversation_that_another_tab_writes_is_followed(
    chat: Page, scripted: ScriptedModel, web_server: RunningServer
) -> None:
    scripted.say("First.")
    say(chat, "Hello")
    expect(chat.get_by_text("First.")).to_be_visible()
    other = chat.context.new_page()
    other.goto(chat.url)
    expect(other.get_by_text("First.")).to_be_visible()
    scripted.say("Second.")
    say(other, "Go on")
    expect(other.get_by_text("Second.")).to_be_visible()
    expect(chat.get_by_text("Second.")).to_be_visible()


def test_a_conversation_of_200_turns_renders_only_what_is_new(
    page: Page, scripted: ScriptedModel, web_server: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "long.json"
    file.write_text(json.dumps(long_conversation(200)))
    page.goto(web_server.url)
    page.locator("input[type=file][accept*=json]").set_input_files(file)
    page.get_by_role("link", name=re.compile("A long one")).click()
    expect(page.get_by_text("Answer 199")).to_be_visible()
    expect(page.locator(".hljs-keyword")).to_have_count(200)
    choose_model(page, "scripted")
    scripted.say("Word by", STEP, " word.")
    say(page, "One more")
    expect(page.get_by_text("Word by")).to_be_visible()
    page.evaluate(
        """() => {
            window.nOld = 0;
            const messages = [...document.querySelectorAll(".messages-inner > *")].slice(0, -1);
            const watcher = new MutationObserver((changes) => (window.nOld += changes.length));
            for (const each of messages) watcher.observe(each, { childList: true, characterData: true, subtree: true });
        }"""
    )
    scripted.go_on()
    expect(page.get_by_text("Word by word.")).to_be_visible()
    assert page.evaluate("window.nOld") == 0
    expect(page.locator(".messages-inner > *")).to_have_count(402)
    expect(page.locator(".messages-inner > *").first).to_have_css("content-visibility", "auto")


def long_conversation(n_turns: int) -> dict[str, Any]:
    """An export with one conversation, whose last answer is "Answer N"."""
    nodes: dict[str, dict[str, Any]] = {}
    parent = ""
    for turn in range(n_turns):
        for role, text in (
            ("user", f"Question {turn}"),
            ("assistant", f"Answer {turn}\n\n```js\nlet a = {turn};\n```"),
        ):
            node_id = f"{role}{turn}"
            nodes[node_id] = {
                **{"id": node_id, "parent": parent, "role": role, "content": text},
                **{"state": "done", "model": "scripted", "createdAt": 1, "children": []},
            }
            if parent:
                nodes[parent]["children"] = [node_id]
            parent = node_id
    conversation = {
        **{"id": "long", "title": "A long one", "createdAt": 1, "updatedAt": 1, "model": "scripted"},
        **{"rival": "", "isBlind": False, "settings": {}, "nodes": nodes, "roots": ["user0"], "chosen": {}},
    }
    return {"format": "lsrv.conversations", "version": 1, "conversations": [conversation]}

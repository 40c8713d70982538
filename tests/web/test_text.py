"""How answers are shown: Markdown, code and formulas as such, and whatever a model writes as text only."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.web.conftest import answers, say
from tests.web.scripted_model import STEP, ScriptedModel

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<svg onload='window.hacked = 1'></svg>",
    "<iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
    "<a href='javascript:window.hacked = 1'>a</a>",
    "<style>body { display: none }</style>",
    "<form action='https://example.com'><button>b</button></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror='window.hacked=1'>",
    "`<script>window.hacked = 1</script>`",
    '```html"onload="window.hacked=1\n<script>window.hacked = 1</script>\n```',
    "$\\href{javascript:window.hacked=1}{x}$",
    "$<img src=x onerror='window.hacked=1'>$",
    "| a |\n|---|\n| <img src=x onerror='window.hacked=1'> |",
]


def test_code_has_colours_and_can_be_copied(chat: Page, scripted: ScriptedModel) -> None:
    chat.context.grant_permissions(["clipboard-read", "clipboard-write"])
    scripted.say("Look:\n\n```py", "thon\ndef one():\n    return 1\n", "```\n")
    say(chat, "Code")
    expect(answers(chat).locator(".hljs-keyword").first).to_have_text("def")
    chat.get_by_role("button", name="Copy python").click()
    expect(chat.get_by_role("button", name="Copy python")).to_have_text("Copied")
    assert chat.evaluate("navigator.clipboard.readText()") == "def one():\n    return 1\n"


def test_tables_lists_and_formulas_are_shown_as_such(chat: Page, scripted: ScriptedModel) -> None:
    table = "| a | b |\n|---|--:|\n| 1 | 2 |\n\n"
    scripted.say(table, "- [x] done\n- [ ] open\n\n", "Inline $x^2$ for $5 and $10.\n\n$$\n\\frac{a}{b}\n$$\n")
    say(chat, "Everything")
    answer = answers(chat)
    expect(answer.get_by_role("cell", name="2", exact=True)).to_have_css("text-align", "right")
    expect(answer.get_by_role("checkbox").first).to_be_checked()
    expect(answer.locator("math")).to_have_count(2)
    expect(answer.locator("mfrac")).to_have_count(1)
    expect(answer).to_contain_text("for $5 and $10.")


def test_what_is_being_written_is_shown_as_markdown_already(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("# Head\n\nSome **bo", STEP, "ld** text")
    say(chat, "Hello")
    expect(answers(chat).get_by_role("heading", name="Head")).to_be_visible()
    scripted.go_on()
    expect(answers(chat).locator("strong")).to_have_text("bold")


def test_pictures_are_links_and_nothing_is_fetched(chat: Page, scripted: ScriptedModel) -> None:
    asked: list[str] = []
    chat.on("request", lambda request: asked.append(request.url))
    scripted.say(
        "![a picture](https://example.com/p.png?what=said) [here](https://example.com) [bad](javascript:alert(1))"
    )
    say(chat, "Picture")
    link = answers(chat).get_by_role("link", name="a picture")
    expect(link).to_have_attribute("rel", re.compile("noopener noreferrer"))
    expect(answers(chat).locator("img")).to_have_count(0)
    expect(answers(chat).locator("[href^=javascript]")).to_have_count(0)
    assert not [url for url in asked if "example.com" in url]


def test_what_a_model_or_a_person_writes_never_runs(chat: Page, scripted: ScriptedModel) -> None:
    text = "\n\n".join(HOSTILE)
    scripted.say({"reasoning_content": text}, text, "\n\nThe end.")
    say(chat, text)
    expect(answers(chat).get_by_text("The end.")).to_be_visible()
    chat.get_by_text(re.compile("^Thought")).click()
    expect(answers(chat).locator(".markdown").first).to_contain_text("<script>window.hacked = 1</script>")
    expect(answers(chat).locator(".markdown").last).to_contain_text("<script>window.hacked = 1</script>")
    made = "script, iframe, img, style, [onerror], [onload], form[action]"
    expect(chat.locator("main").locator(made)).to_have_count(0)
    assert chat.evaluate("window.hacked") is None


def test_a_formula_that_is_none_stays_as_it_was_written(chat: Page, scripted: ScriptedModel) -> None:
    scripted.say("Broken $\\frac{a$ and $\\undefinedthing$ and \\(x\\)")
    say(chat, "Formula")
    expect(answers(chat).locator("math")).to_have_count(1)
    expect(answers(chat)).to_contain_text("\\undefinedthing")

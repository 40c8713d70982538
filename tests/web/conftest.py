"""One browser and one server for all tests of the page. Each test has a profile of its own, as of a new visitor.

The browser is the system's Chromium, else the one that `playwright install chromium` brings.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.conftest import RunningServer, copies_of_stories
from tests.models import STORIES
from tests.web.scripted_model import ScriptedModel

PATIENCE_MS = 30_000  # of a busy machine; what is there sooner is seen sooner

expect.set_options(timeout=PATIENCE_MS)

# What a browser writes for every answer of 400 and above, and where no server answers: the page says more of both.
_NETWORK = re.compile(r"Failed to load resource|net::ERR_")


@pytest.fixture(scope="package")
def scripted() -> Iterator[ScriptedModel]:
    """Answers for the model "scripted" of `web_server`."""
    with ScriptedModel() as model:
        yield model


@pytest.fixture(scope="package")
def web_server(scripted: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Models: tiny, other/tiny:b, which can go on for ever, tiny-embedding, two that say what `scripted` says, a broken
    one; a route called split.
    """
    upstreams = [
        {"model_id": name, "kind": "upstream", "upstream": {"base_url": scripted.base_url}}
        for name in ("scripted", "scripted-too")
    ]
    stories = copies_of_stories(tmp_path_factory.mktemp("models"))
    stories[1]["context"] |= {"context_shift": True}
    broken = tmp_path_factory.mktemp("broken") / "broken.gguf"
    broken.write_bytes(STORIES.read_bytes()[:4000])
    models = [*stories, *upstreams, {"model_id": str(broken), "alias": "broken"}]
    routes = [{"model_id": "split", "split": [{"model": "scripted"}], "fallback": ["tiny"]}]
    server = {"port": 0, "spare_workers": 0}
    running = RunningServer({"server": server, "models": models, "routes": routes}, {})
    yield running
    running.stop()


@pytest.fixture(scope="package")
def locked(scripted: ScriptedModel) -> Iterator[RunningServer]:
    """A server whose key is "opens", and "rules" for admins."""
    upstream = {"model_id": "scripted", "kind": "upstream", "upstream": {"base_url": scripted.base_url}}
    keys = {"api_keys": ["opens"], "admin_keys": ["rules"]}
    running = RunningServer({"server": {"port": 0, "spare_workers": 0} | keys, "models": [upstream]}, {})
    yield running
    running.stop()


@pytest.fixture(scope="package")
def demo_server() -> Iterator[RunningServer]:
    """The built-in model, with its adapters."""
    adapters = [{"name": name, "source": f"lsrv-demo-{name}"} for name in ("pirate", "roman")]
    model = {"model_id": "lsrv-demo", "alias": "demo", "adapters": adapters, "device": {"threads": 1}}
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": [model]}, {})
    yield running
    running.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with this package: its loop would be in the way of tests that run one of their own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a new visitor. What the browser complains about fails the test: the policy, errors, and the like."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _NETWORK.search(message.text):
            complaints.append(message.text)

    opened.on("console", on_console)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert not complaints


@pytest.fixture
def chat(page: Page, web_server: RunningServer) -> Page:
    """The page on a new chat with the scripted model."""
    page.goto(web_server.url)
    choose_model(page, "scripted")
    return page


def choose_model(page: Page, name: str, of: str = "Model") -> None:
    page.get_by_role("button", name=re.compile(f"^{of}: ")).click()
    page.get_by_role("dialog", name=of).get_by_role("button", name=re.compile(_whole(name))).click()


def _whole(name: str) -> str:
    """A pattern of names that begin with this one, and don't go on as one; Playwright's own reader trips over "/"."""
    return rf"^{re.escape(name)}(?![\w:-])".replace("/", ".")


def answers(page: Page) -> Locator:
    """The messages of models that are shown."""
    return page.get_by_role("article", name=re.compile("^Answer"))


def violations(page: Page) -> list[str]:
    """What axe-core finds, in short: the rule and the elements."""
    found: list[dict[str, Any]] = Axe().run(page)["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()

"""Where bars and colours may go."""

from __future__ import annotations

import io

import pytest

from lsrv.cli.display.drawing import may_draw


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_is_drawn_on_and_a_pipe_is_not() -> None:
    assert may_draw(_Terminal())
    assert not may_draw(io.StringIO())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_asked_for_text_alone_gets_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert not may_draw(_Terminal())

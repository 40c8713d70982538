"""What is found in a template is told once, in the worker's log."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pytest

from lsrv.chat.templates.plain import PlainTemplate
from lsrv.chat.templates.template import ChatTemplate
from lsrv.worker.errands.errand import OpenTemplate
from lsrv.worker.examination import Examination

PUBLISHED = Path(__file__).parents[1] / "chat" / "templates" / "published"


def test_what_is_done_for_a_template_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    source = (PUBLISHED / "google-gemma-2-2b-it.jinja").read_text()
    plain = PlainTemplate(ChatTemplate(source, bos="", eos=""))
    examination = Examination(cast(Any, None), OpenTemplate(source, bos="", eos=""), plain)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(StopIteration):
                examination.form().send(None)
    assert [record.getMessage().count("it takes no system messages") for record in caplog.records] == [1]

"""What requests ask for and do not get, in the log."""

from __future__ import annotations

import logging

import pytest

from lsrv.api.notes import Notes


def test_the_log_has_what_is_not_given_once_for_each_model(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    with caplog.at_level(logging.WARNING, "lsrv.api.notes"):
        for model in ("a", "a", "b"):
            notes.tell("x", "1", model)
        notes.tell("y", "2", "a")
    assert [(line.model_id, line.what) for line in caplog.records] == [("a", "x"), ("b", "x"), ("a", "y")]  # pyright: ignore[reportAttributeAccessIssue]  # fields of extra


def test_clients_that_say_ever_new_things_fill_no_memory() -> None:
    notes = Notes()
    for number in range(3000):
        notes.tell(str(number), "1", "a")
    assert len(vars(notes)["_told"]) <= 1024

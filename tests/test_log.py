"""What a log line looks like."""

import json
import logging

import pytest

from lsrv.log import JsonFormatter, TextFormatter


def _record(message: str, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "lsrv.registry", "levelname": "INFO", "levelno": logging.INFO, "msg": message, **fields}
    )


def test_extra_keys_become_key_value_pairs() -> None:
    line = TextFormatter().format(_record("loaded", model_id="qwen3-4b", load_s=0.123456, n_loads=2))
    assert line.endswith(" info loaded model_id=qwen3-4b load_s=0.1235 n_loads=2")


def test_values_with_spaces_or_line_breaks_stay_one_quoted_value() -> None:
    line = TextFormatter().format(_record("failed", reason="no such\nfile", empty=""))
    assert line.endswith('failed reason="no such\\nfile" empty=""')


def test_a_message_can_not_start_a_line_of_its_own() -> None:
    line = TextFormatter().format(_record("got a\n12:00:00 info forged\x1b[31m"))
    assert "\n" not in line
    assert "\x1b" not in line


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_no_part_of_a_line_drives_a_terminal(formatter: logging.Formatter) -> None:
    bad = "a\x1b[2J\x7f\x9b31m\u202e\u2028b"
    try:
        raise ValueError(bad)
    except ValueError as error:
        line = formatter.format(_record(bad, name_of_file=bad, exc_info=(ValueError, error, error.__traceback__)))
    assert all(char.isprintable() or char == "\n" for char in line)


def test_json_lines_carry_the_same_fields() -> None:
    line = json.loads(JsonFormatter().format(_record("loaded", model_id="qwen3-4b", load_s=0.5)))
    assert line["message"] == "loaded"
    assert line["level"] == "info"
    assert line["model_id"] == "qwen3-4b"
    assert line["load_s"] == 0.5
    assert line["time"].endswith("Z")


def test_an_exception_follows_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        record = _record("failed", exc_info=(ValueError, error, error.__traceback__))
    assert "ValueError: broken" in TextFormatter().format(record)
    assert "ValueError: broken" in json.loads(JsonFormatter().format(record))["exception"]

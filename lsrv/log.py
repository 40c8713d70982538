"""Log lines for the person who runs the server: one per event, key=value or JSON, on stderr.

Any module logs with the standard library: `logging.getLogger(__name__).info("loaded", extra={"model_id": model_id})`.
Every key of `extra` becomes a field of the line. Prompts and answers never belong in a line at INFO or above.
What a stranger wrote can neither begin a line of its own nor drive the terminal that shows it. A thread writes
(`lsrv/outlet.py`): who logs waits for no pipe and no terminal; lines that find too many before them are dropped and
counted.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from functools import partial
from typing import Literal

from lsrv.echo import echo
from lsrv.outlet import Outlet
from lsrv.printable import printable

LogFormat = Literal["text", "json"]

# HTTP clients tell every address at INFO, and a signed one opens doors. What matters of a request, we tell ourselves.
_TELLERS_OF_ADDRESSES = ("httpx", "httpx2", "httpcore", "httpcore2")
_LINE_BREAK = "\n"
_CLOSE_S = 1.0  # for the last lines to be written
_MAX_FIELD_CHARS = 500  # clients write some of them, and a URL may have 64 KiB

_STANDARD_KEYS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def configure(log_format: LogFormat = "text", level: int = logging.INFO) -> Outlet:
    """Send every logger's lines of `level` and above to stderr in `log_format`; replaces earlier handlers.

    Returns what writes them, for others that write there. Who ends the process closes it.
    """
    handler = _StderrHandler(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TELLERS_OF_ADDRESSES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)  # they would be written to stderr by whoever causes them
    return handler.outlet


class TextFormatter(logging.Formatter):
    """`12:00:01 info loaded model_id=qwen3-4b load_s=0.11`; values with spaces or quotes are quoted as JSON strings."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = [f"{key}={_text(value)}" for key, value in _fields(record).items()]
        line = " ".join([clock, record.levelname.lower(), printable(record.getMessage()), *fields])
        if record.exc_info is None:
            return line
        return f"{line}\n{printable(self.formatException(record.exc_info), keep=_LINE_BREAK)}"


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (ISO 8601, UTC), level, logger, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{clock}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info is not None:
            line["exception"] = self.formatException(record.exc_info)
        return printable(json.dumps(line, default=str, ensure_ascii=False))


class _StderrHandler(logging.Handler):
    """Lines on stderr, in the order they were logged."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.outlet = Outlet(self._tell_lost)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.outlet.put(partial(_write, self.format(record)))
        except Exception:  # noqa: BLE001  # a line that can't be written must not take a request down
            self.handleError(record)

    def close(self) -> None:
        self.outlet.close(_CLOSE_S)
        super().close()

    def _tell_lost(self, n_lost: int) -> None:
        fields = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "n_lost": n_lost}
        _write(self.format(logging.makeLogRecord(fields | {"msg": "lines were lost: nobody read them in time"})))


def _write(line: str) -> None:
    """Looks up `sys.stderr` at every line, so that lines logged while progress bars are drawn appear above them."""
    print(line, file=sys.stderr, flush=True)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = ((key, value) for key, value in vars(record).items() if key not in _STANDARD_KEYS)
    return {key: echo(value, _MAX_FIELD_CHARS) if isinstance(value, str) else value for key, value in fields}


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    is_plain = text != "" and text.isprintable() and not set(text) & set(' "=')
    return text if is_plain else printable(json.dumps(text, ensure_ascii=False))

"""Steps of a build as lines of `/api/pull`: clients draw a bar for each `digest`. Pure."""

from __future__ import annotations

from lsrv.api.dialects.fields.one_line import written
from lsrv.registry import BuildProgress

FIRST_LINE = b'{"status":"pulling manifest"}\n'
LAST_LINE = b'{"status":"success"}\n'

_WORDS = {"fetch": "pulling", "convert": "converting", "quantize": "quantizing"}


def progress_line(step: BuildProgress) -> bytes:
    """One step; the file's name stands where Ollama has a digest."""
    line: dict[str, object] = {"status": f"{_WORDS.get(step.stage, step.stage)} {step.what}"}
    if step.n_bytes_total:
        line |= {"digest": step.what, "total": step.n_bytes_total, "completed": step.n_bytes}
    return written(line) + b"\n"

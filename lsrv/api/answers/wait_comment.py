"""What a stream's comments say while its client waits for the first text. Pure."""

from __future__ import annotations

from lsrv.printable import printable
from lsrv.protocol.events import LoadStage, Progress
from lsrv.registry import Standing

_STAGES: dict[LoadStage, str] = {
    "look": "looking for the weights",
    "fetch": "fetching",
    "convert": "converting",
    "plan": "planning memory",
    "quantize": "quantizing",
    "weights": "reading weights",
    "context": "making the context",
    "warmup": "warming up",
}


WAITING = "waiting"  # nothing is known of what happens elsewhere


def wait_words(standing: Standing | None) -> str:
    """Where a request stands, in words on one line: "queued 3rd of 5 for MODEL (waiting for memory held by OTHER)"."""
    if standing is None:
        return WAITING
    if standing.has_begun:
        return f"{standing.listed_id} is reading the prompt"
    queue = f"queued {ordinal(standing.place)} of {standing.n_waiting} for" if standing.place else "waiting for"
    return f"{queue} {standing.listed_id} ({_reason(standing)})"


def _reason(standing: Standing) -> str:
    if standing.holders is not None:
        return f"waiting for memory held by {', '.join(standing.holders)}" if standing.holders else "waiting for memory"
    if standing.progress is not None:
        return _stage(standing.progress)
    if standing.is_held:
        return "it lets another model go first"
    if standing.status == "loaded":
        return f"{standing.n_places} at once, all busy"
    return "about to be loaded"


def _stage(progress: Progress) -> str:
    what = f" {printable(progress.what)}" if progress.what else ""
    return f"{_STAGES[progress.stage]}{what}, {progress.fraction * 100:.0f} %"


def ordinal(n: int) -> str:
    """ "1st", "2nd", "11th"."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"

"""Speculation as an entry asks for it: the same text, its guesses in `timings`; what can't be is said at the load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lsrv.demo
from lsrv.protocol.events import TokenLogprob
from tests.conftest import RunningServer, StartServer, wait_until
from tests.engine.near_ties import assert_parts_at_a_tie
from tests.models import STORIES

PROMPT = "The cat sat. The cat sat. The cat sat. The cat"
DEMO = Path(lsrv.demo.__file__).parent / "lsrv-demo-F16.gguf"


def entry(folder: Path, alias: str, **speculative: Any) -> dict[str, Any]:
    path = folder / f"{alias}.gguf"
    path.write_bytes(STORIES.read_bytes())
    context = {"context_length": 512, "slots": 2}
    return {
        "model_id": str(path),
        "alias": alias,
        "context": context,
        "device": {"threads": 1},
        "speculative": speculative,
    }


def complete(server: RunningServer, model: str, **fields: Any) -> Any:
    body = {"model": model, "prompt": PROMPT, "max_tokens": 120, "temperature": 0, "ignore_eos": True}
    return server.http.post("/v1/completions", json=body | fields)


def likeliest(logprobs: dict[str, Any]) -> list[TokenLogprob]:
    """An answer's tokens, with the likeliest in the place of each."""
    tops = [sorted(top.items(), key=lambda item: -item[1]) for top in logprobs["top_logprobs"]]
    chosen = zip(logprobs["tokens"], logprobs["token_logprobs"], tops, strict=True)
    return [TokenLogprob(text, p, b"", [TokenLogprob(t, each, b"") for t, each in top]) for text, p, top in chosen]


def test_every_mode_writes_the_same(start_server: StartServer, tmp_path: Path) -> None:
    draft = tmp_path / "draft.gguf"
    draft.write_bytes(STORIES.read_bytes())
    entries = [
        entry(tmp_path, "plain"),
        entry(tmp_path, "lookup", mode="lookup", max_tokens=8),
        entry(tmp_path, "drafted", mode="draft", draft=str(draft)),
    ]
    server = start_server(models=entries)
    plain, *others = [
        complete(server, name, logprobs=5).json()["choices"][0] for name in ("plain", "lookup", "drafted")
    ]
    for other in others:
        if other["text"] != plain["text"]:
            assert_parts_at_a_tie(likeliest(plain["logprobs"]), other["text"], plain["text"])


def test_guesses_are_told_where_they_are_made(start_server: StartServer, tmp_path: Path) -> None:
    """They are where they pay: a text of one token is asked for until a machine that is busy finds that they do."""
    server = start_server(models=[entry(tmp_path, "plain"), entry(tmp_path, "lookup", mode="lookup")])
    one_token = {"logit_bias": {"300": 100}, "max_tokens": 400}

    def timings(model: str) -> dict[str, Any]:
        return complete(server, model, **one_token).json()["timings"]

    def has_guesses() -> bool:
        told = timings("lookup")
        return told.get("draft_n", 0) >= told.get("draft_n_accepted", 0) > 0

    assert "draft_n" not in timings("plain")
    wait_until(has_guesses)


def test_a_draft_that_does_not_fit_or_is_not_there_is_told(start_server: StartServer, tmp_path: Path) -> None:
    entries = [
        entry(tmp_path, "other", mode="draft", draft=str(DEMO)),
        entry(tmp_path, "gone", mode="draft", draft=str(tmp_path / "gone-draft.gguf")),
    ]
    server = start_server(models=entries)
    other, gone = complete(server, "other"), complete(server, "gone")
    assert other.status_code == 503
    assert "another vocabulary" in other.json()["error"]["message"]
    assert gone.status_code >= 400
    assert "gone-draft.gguf" in gone.json()["error"]["message"]

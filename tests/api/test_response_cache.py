"""The response cache through a real server: what is answered from it, what is not, and that it is never wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from tests.api.dialects.openai.test_chat import CHAT, events_of
from tests.conftest import CHAT_TEMPLATE, TINY, RunningServer, StartServer, wait_until
from tests.models import STORIES
from tests.models.lora import write_lora

WORD = "x-lsrv-cache"


def entry(folder: Path, alias: str, **changes: Any) -> dict[str, Any]:
    """One with files of its own, which keeps answers."""
    path, template = folder / f"{alias}.gguf", folder / f"{alias}.jinja"
    if not path.exists():
        path.write_bytes(STORIES.read_bytes())
        template.write_text(CHAT_TEMPLATE)
    return {
        "model_id": str(path),
        "alias": [alias],
        "response_cache": True,
        "context": {"context_length": 512, "slots": 4},
        "device": {"threads": 1, "threads_batch": 1},
        "chat_template": str(template),
    } | changes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared server's files lie."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def caching(folder: Path) -> Iterator[RunningServer]:
    """One server for all tests: they use entries of their own, or ask TINY what nobody else does."""
    write_lora(folder / "adapter", 1)
    models = [
        entry(folder, TINY),
        entry(folder, "replaced"),
        entry(folder, "template"),
        entry(folder, "adapted", adapters=[{"name": "a", "source": str(folder / "adapter")}]),
        entry(folder, "defaults", defaults={"temperature": 0.0, "max_tokens": 8}),
        entry(folder, "purged"),
        entry(folder, "careless", response_cache=False),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSRV_CACHE", str(folder / "cache"))
        running = RunningServer(
            {"server": {"port": 0, "spare_workers": 1, "max_loaded_models": 3}, "models": models}, {}
        )
    yield running
    running.stop()


def ask(server: RunningServer, prompt: str | None = None, headers: dict[str, str] | None = None, **body: Any) -> Any:
    messages = CHAT if prompt is None else [{"role": "user", "content": prompt}]
    asked = {"model": TINY, "messages": messages, "max_tokens": 8, "temperature": 0} | body
    return server.http.post("/v1/chat/completions", json=asked, headers=headers)


def word(server: RunningServer, prompt: str | None = None, **options: Any) -> str | None:
    """What the answer's header says; a stream's as well."""
    answer = ask(server, prompt, **options)
    assert answer.status_code == 200, answer.text
    return answer.headers.get(WORD)


def unload(server: RunningServer, model: str = TINY) -> None:
    assert server.http.post("/v1/models/unload", json={"model_id": model}).json()["status"] == "unloaded"


def n_loads(server: RunningServer) -> float:
    return server.metric("lsrv_model_loads_total", model=server.model_path(TINY))


# -- hits ------------------------------------------------------------------------------------------


def test_an_equal_request_gets_the_same_answer_without_the_model(caching: RunningServer) -> None:
    fresh = ask(caching)
    unload(caching)
    n_before = n_loads(caching)
    again = ask(caching)
    assert (fresh.headers[WORD], again.headers[WORD]) == ("miss", "hit")
    assert again.json()["cached"] is True and "cached" not in fresh.json()
    for field in ("choices", "usage", "timings", "model", "object"):
        assert again.json()[field] == fresh.json()[field]
    assert again.json()["id"] != fresh.json()["id"]
    assert n_loads(caching) == n_before
    assert caching.http.post("/v1/models/status", json={"model_id": TINY}).json()["status"] == "unloaded"


def test_openai_s_client_reads_a_kept_answer(caching: RunningServer) -> None:
    client = caching.openai()
    asked: dict[str, Any] = {"model": TINY, "messages": [{"role": "user", "content": "The end"}], "temperature": 0}
    fresh = client.chat.completions.create(**asked, max_tokens=8)
    again = client.chat.completions.create(**asked, max_tokens=8)
    assert again.choices[0].message.content == fresh.choices[0].message.content
    assert again.usage == fresh.usage
    assert (again.model_extra or {})["cached"] is True


@pytest.mark.parametrize(("first", "then"), [(False, True), (True, False), (True, True)])
def test_whether_it_streams_makes_no_difference(caching: RunningServer, first: bool, then: bool) -> None:
    asked: dict[str, Any] = {"prompt": f"A {first} {then}", "logprobs": True, "top_logprobs": 2, "n": 2}
    fresh = ask(caching, **asked, stream=first, stream_options={"include_usage": True})
    again = ask(caching, **asked, stream=then, stream_options={"include_usage": True})
    assert again.headers[WORD] == "hit"
    assert _content(fresh) == _content(again)


def _content(answer: Any) -> list[Any]:
    """Of each choice: text, finish reason, logprobs; then the usage."""
    if answer.headers["content-type"] == "application/json":
        body = answer.json()
        choices = [(c["message"]["content"], c["finish_reason"], c["logprobs"]["content"]) for c in body["choices"]]
        return [*choices, body["usage"]["completion_tokens"]]
    events = events_of(answer.text)
    found: list[Any] = []
    for index in range(2):
        parts = [c for event in events for c in event["choices"] if c["index"] == index]
        logprobs = [token for part in parts for token in (part["logprobs"] or {}).get("content", [])]
        text = "".join(part["delta"].get("content", "") for part in parts)
        found.append((text, next(p["finish_reason"] for p in parts if p["finish_reason"]), logprobs))
    return [*found, events[-1]["usage"]["completion_tokens"]]


def test_a_kept_stream_has_the_events_of_a_fresh_one(caching: RunningServer) -> None:
    fresh, again = (events_of(ask(caching, "Tell me", stream=True).text) for _ in range(2))
    assert fresh[0]["choices"] == again[0]["choices"]  # the role
    assert fresh[-1]["choices"] == again[-1]["choices"]  # the finish reason
    assert fresh[-1]["timings"] == again[-1]["timings"]
    assert (fresh[-1].get("cached"), again[-1]["cached"]) == (None, True)


def test_completions_are_kept_too(caching: RunningServer) -> None:
    asked = {"model": TINY, "prompt": ["Once", "Twice"], "max_tokens": 6, "temperature": 0, "n": 2}
    fresh, again, stream = (
        caching.http.post("/v1/completions", json=asked | more) for more in ({}, {}, {"stream": True})
    )
    assert again.json()["cached"] is True
    assert again.json()["choices"] == fresh.json()["choices"]
    assert events_of(stream.text)[-1]["cached"] is True
    texts = [
        "".join(c["text"] for e in events_of(stream.text) for c in e["choices"] if c["index"] == i) for i in range(4)
    ]
    assert texts == [choice["text"] for choice in fresh.json()["choices"]]


def test_a_hit_asks_nothing_of_the_worker(caching: RunningServer) -> None:
    ask(caching, "Quiet")
    workers = [psutil.Process(pid) for pid in caching.worker_pids()]
    for worker in workers:
        worker.suspend()
    try:
        assert word(caching, "Quiet") == "hit"
    finally:
        for worker in workers:
            worker.resume()


def test_kept_answers_survive_a_restart_and_a_damaged_file_costs_no_more_than_them(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "cache"))
    models = [entry(tmp_path, TINY)]
    first = start_server(models=models)
    fresh = ask(first)
    assert first.stop() == 0
    second = start_server(models=models)
    again = ask(second)
    assert again.headers[WORD] == "hit"
    assert again.json()["choices"] == fresh.json()["choices"]
    assert n_loads(second) == 0
    second.stop()
    (tmp_path / "cache" / "responses" / "answers.sqlite3").write_bytes(b"damaged" * 3000)
    third = start_server(models=models)
    assert [word(third), word(third)] == ["miss", "hit"]
    assert third.log_lines("the response cache's file is of no use and is deleted")


# -- misses ----------------------------------------------------------------------------------------

OTHERS: dict[str, dict[str, Any]] = {
    "max_tokens": {"max_tokens": 9},
    "stop": {"stop": ["girl"]},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 1},
    "temperature and seed": {"temperature": 0.5, "seed": 7},
    "another seed": {"temperature": 0.5, "seed": 8},
    "top_k": {"temperature": 0.5, "seed": 7, "top_k": 3},
    "penalty": {"presence_penalty": 1.5},
    "bias": {"logit_bias": {"400": -100}},
    "n": {"n": 2},
    "template": {"chat_template_kwargs": {"a": 1}},
    "schema": {"response_format": {"type": "json_object"}},
    "eos": {"ignore_eos": True},
    "message": {"prompt": "Once upon a tim"},
}


def test_any_other_field_is_another_answer(caching: RunningServer) -> None:
    assert word(caching) in ("hit", "miss")
    assert {name: word(caching, **change) for name, change in OTHERS.items()} == dict.fromkeys(OTHERS, "miss")
    assert word(caching) == "hit"


def test_a_default_of_the_entry_is_part_of_the_request(caching: RunningServer) -> None:
    bare = {"model": "defaults", "messages": CHAT}
    assert caching.http.post("/v1/chat/completions", json=bare).headers[WORD] == "miss"
    assert word(caching, model="defaults") == "hit"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"temperature": 0.8}, {}),
        ({"response_cache": False}, {}),
        ({}, {"cache-control": "no-store"}),
    ],
)
def test_what_is_not_repeatable_or_not_wanted_has_nothing_to_do_with_the_cache(
    caching: RunningServer, body: dict[str, Any], headers: dict[str, str]
) -> None:
    answers = [ask(caching, "Nobody else", headers, **body) for _ in range(2)]
    assert [answer.headers.get(WORD) for answer in answers] == [None, None]
    assert all("cached" not in answer.json() for answer in answers)


def test_no_cache_makes_the_answer_anew_and_keeps_that(caching: RunningServer) -> None:
    assert word(caching, "Renewed", headers={"cache-control": "no-cache"}) == "miss"
    assert word(caching, "Renewed", headers={"cache-control": "no-cache"}) == "miss"
    assert word(caching, "Renewed") == "hit"


def test_an_entry_that_does_not_ask_for_it_keeps_nothing(caching: RunningServer) -> None:
    assert [word(caching, model="careless"), word(caching, model="careless")] == [None, None]


def test_an_answer_cut_off_by_a_full_context_is_not_kept(caching: RunningServer) -> None:
    asked: dict[str, Any] = {"prompt": "So long", "max_tokens": -1, "ignore_eos": True}
    assert ask(caching, **asked).json()["choices"][0]["finish_reason"] == "length"
    assert word(caching, **asked) == "miss"


def test_a_refused_request_is_not_kept(caching: RunningServer) -> None:
    answers = [ask(caching, "too long " * 500) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 400]


def test_replaced_weights_are_another_model_once_they_are_loaded(caching: RunningServer, folder: Path) -> None:
    path = folder / "replaced.gguf"
    assert word(caching, model="replaced") == "miss"
    data = bytearray(path.read_bytes())
    data[-64:] = bytes(64)  # of the last tensor
    path.write_bytes(data)
    assert word(caching, model="replaced") == "hit"  # the worker still has the old ones, and would answer the same
    unload(caching, "replaced")
    assert [word(caching, model="replaced") for _ in range(2)] == ["miss", "hit"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ messages[0].content }}!", ["miss", "hit"]),
        ('{{ strftime_now("%Y") }} {{ messages[0].content }}', ["miss", "hit"]),
        ('{{ strftime_now("%S.%f") }} {{ messages[0].content }}', ["miss", "miss"]),
        (
            '{% set f = "%Y" %}{{ strftime_now(f) }} {{ messages[0].content }}',
            [None, None],
        ),  # no telling when it changes
    ],
)
def test_the_template_is_part_of_the_key_and_so_is_the_date_it_asks_for(
    caching: RunningServer, folder: Path, template: str, expected: list[str | None]
) -> None:
    unload(caching, "template")
    (folder / "template.jinja").write_text(template)
    assert [word(caching, model="template") for _ in range(2)] == expected


def test_adapters_and_their_weights_are_part_of_the_key(caching: RunningServer, folder: Path) -> None:
    words = [word(caching, model=model) for model in ("adapted", "adapted:a")]
    assert [*words, word(caching, model="adapted", adapters=[{"name": "a", "weight": 0.5}])] == ["miss"] * 3
    unload(caching, "adapted")
    assert [word(caching, model=model) for model in ("adapted", "adapted:a")] == ["hit", "hit"]
    assert ask(caching, model="adapted:a").json()["model"] == "adapted:a"
    os.utime(folder / "adapter", (0, 0))
    assert [word(caching, model=model) for model in ("adapted", "adapted:a")] == ["hit", "miss"]


# -- shared computations ---------------------------------------------------------------------------


def test_equal_requests_that_come_together_are_computed_once(caching: RunningServer) -> None:

    together: list[Any] = [{"role": "user", "content": "Together"}]

    async def scenario() -> list[Any]:
        async with caching.async_openai() as client:
            return await asyncio.gather(
                *(
                    client.chat.completions.with_raw_response.create(
                        model=TINY, messages=together, max_tokens=200, temperature=0, stream=bool(i % 2)
                    )
                    for i in range(6)
                )
            )

    before = caching.metric("lsrv_completion_tokens_total")
    words = [answer.headers[WORD] for answer in asyncio.run(scenario())]
    assert sorted(words) == ["hit"] * 5 + ["miss"]
    n_tokens = ask(caching, "Together", max_tokens=200).json()["usage"]["completion_tokens"]
    assert caching.metric("lsrv_completion_tokens_total") - before == n_tokens


def test_a_client_that_leaves_takes_no_answer_from_others(caching: RunningServer) -> None:
    endless = {"ignore_eos": True, "max_tokens": 400, "stream": True}
    body = {"model": TINY, "messages": [{"role": "user", "content": "He left"}], "temperature": 0} | endless
    with caching.http.stream("POST", "/v1/chat/completions", json=body) as first:
        next(first.iter_lines())
        with caching.http.stream("POST", "/v1/chat/completions", json=body) as second:
            first.close()
            text = second.read().decode()
    assert events_of(text)[-1]["timings"]["predicted_n"] == 400


def test_an_answer_nobody_waits_for_is_aborted_and_not_kept(caching: RunningServer) -> None:
    body = {"messages": [{"role": "user", "content": "Alone"}], "ignore_eos": True, "max_tokens": 450, "stream": True}
    body |= {"model": TINY, "temperature": 0}
    with caching.http.stream("POST", "/v1/chat/completions", json=body) as stream:
        next(stream.iter_lines())
    wait_until(lambda: caching.metric("lsrv_requests_running") == 0)
    assert word(caching, **body) == "miss"


# -- looking at it, and emptying it ----------------------------------------------------------------


def test_statistics_and_purge_by_model(caching: RunningServer) -> None:
    path = "/v1/models/purged/cache"
    assert [word(caching, model="purged") for _ in range(2)] == ["miss", "hit"]
    wait_until(lambda: caching.http.get(path).json()["disk"]["n_answers"] == 1)
    found = caching.http.get(path).json()
    assert (found["model_id"], found["misses"], found["memory_hits"] + found["shared"]) == ("purged", 1, 1)
    assert found["memory"]["n_answers"] == 1
    assert caching.metric("lsrv_response_cache_requests_total", outcome="miss") >= 1
    assert caching.metric("lsrv_response_cache_bytes", tier="disk") > 0
    assert caching.http.delete(path).json()["disk"]["n_answers"] == 1
    after = caching.http.get(path).json()
    assert after["memory"]["n_answers"] == after["disk"]["n_answers"] == 0
    assert word(caching, model="purged") == "miss"


def test_only_caches_of_known_models_are_deleted(caching: RunningServer) -> None:
    assert caching.http.get("/v1/models/nobody/cache").status_code == 404
    assert caching.http.delete("/v1/models/nobody/cache").status_code == 404
    assert caching.http.delete(f"/v1/models/{TINY}").status_code == 404


def test_the_command_line_shows_and_empties_it(caching: RunningServer) -> None:
    word(caching, model="purged")
    shown = CliRunner().invoke(cli, ["cache", "purged", "--url", caching.url])
    assert shown.output.startswith("purged: 1 answer (")
    purged = CliRunner().invoke(cli, ["cache", "purged", "--purge", "--url", caching.url])
    assert purged.output.startswith("purged: deleted 1 answer (")
    assert word(caching, model="purged") == "miss"

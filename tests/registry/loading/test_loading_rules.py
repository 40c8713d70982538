"""The pure parts of a load: parameters, environment, last lines, verdicts, and what a death is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lsrv.config import ModelSettings
from lsrv.config.entry.running import ContextSettings, DeviceSettings
from lsrv.errors import CrashedError, LoadFailedError, StartFailedError
from lsrv.frontdoor import Weights, read_header
from lsrv.registry.entries import retry_times
from lsrv.registry.loading.params import has_open_layers, load_params
from lsrv.registry.workers import cpu_faults
from lsrv.registry.workers.death import death_error, is_cpu_fault
from lsrv.registry.workers.log_tail import LogTail
from tests.models import STORIES

HEADER = read_header(STORIES)
WEIGHTS = Weights(Path("m.gguf"), (Path("m.gguf"),), 1, "F16", "test", "the only one", HEADER)
BERT = replace(WEIGHTS, header=replace(HEADER, arch="bert"))
RANKER = replace(WEIGHTS, header=replace(HEADER, arch="bert", has_classifier=True))
BOTH = replace(WEIGHTS, header=replace(HEADER, arch="qwen3", has_classifier=True, pooling_type=1))


def params(weights: Weights = WEIGHTS, **entry: Any) -> Any:
    return load_params(ModelSettings(model_id="m", **entry), weights, None)


def test_settings_that_say_nothing_let_the_engine_choose() -> None:
    chosen = params()
    assert (chosen.n_gpu_layers, chosen.n_ctx_seq, chosen.n_slots, chosen.kv) == (-1, 0, 0, "split")
    assert (chosen.is_embedding, chosen.pooling, chosen.use_extra_bufts) == (False, "auto", True)


@pytest.mark.parametrize(
    ("device", "n_gpu_layers"),
    [({"cpu": True}, 0), ({"gpu_layers": "all"}, -1), ({"gpu_layers": 7}, 7), ({"gpu_layers": 0}, 0)],
)
def test_gpu_layers_become_a_number(device: dict[str, Any], n_gpu_layers: int) -> None:
    assert params(device=DeviceSettings(**device)).n_gpu_layers == n_gpu_layers


def test_cpu_only_means_no_gpu_at_all_and_nothing_to_place() -> None:
    on_cpu = params(device=DeviceSettings(cpu=True))
    assert (on_cpu.split_mode, on_cpu.main_gpu) == ("none", -1)
    devices = ({}, {"cpu": True}, {"gpu_layers": "all"}, {"gpu_layers": 7})
    entries = [ModelSettings(model_id="m", device=DeviceSettings(**device)) for device in devices]
    assert [has_open_layers(entry) for entry in entries] == [True, False, False, False]


@pytest.mark.parametrize(
    ("weights", "entry", "expected"),
    [
        (BERT, {}, (True, "auto")),
        (BERT, {"kind": "text"}, (False, "auto")),
        (WEIGHTS, {"kind": "embedding"}, (True, "auto")),
        (RANKER, {}, (True, "rank")),
        (RANKER, {"kind": "embedding"}, (True, "auto")),
        (RANKER, {"context": ContextSettings(pooling="cls")}, (True, "cls")),
        (BOTH, {}, (True, "auto")),
        (BOTH, {"kind": "rerank"}, (True, "rank")),
        (BOTH, {"context": ContextSettings(pooling="rank")}, (True, "rank")),
        (WEIGHTS, {"context": ContextSettings(pooling="mean")}, (True, "mean")),
    ],
)
def test_kind_pooling_or_the_file_make_an_embedding_model(
    weights: Weights, entry: dict[str, Any], expected: tuple[bool, str]
) -> None:
    chosen = params(weights, **entry)
    assert (chosen.is_embedding, chosen.pooling) == expected


@pytest.mark.parametrize("entry", [{"kind": "rerank"}, {"context": ContextSettings(pooling="rank")}])
def test_a_reranker_without_a_classifier_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(LoadFailedError, match=r"m\.gguf \(llama\) has no classifier"):
        params(**entry)


def test_a_classifier_may_lie_in_another_part_of_a_split_model() -> None:
    split = replace(WEIGHTS, header=replace(HEADER, n_shards=2))
    assert params(split, kind="rerank").pooling == "rank"


def test_a_small_batch_size_bounds_the_ubatch() -> None:
    assert params(context=ContextSettings(batch_size=64)).n_ubatch == 64


def test_the_log_tail_keeps_the_last_lines_and_joins_broken_ones() -> None:
    tail = LogTail()
    tail.feed(b"".join(b"line %d\n" % number for number in range(300)) + b"half")
    tail.feed(b" a line \xff\nrest")
    assert tail.lines()[0] == "line 101"
    assert tail.lines()[-2:] == ["half a line \ufffd", "rest"]


def test_a_line_without_end_stays_bounded() -> None:
    tail = LogTail()
    for _ in range(1000):
        tail.feed(b"x" * 5000)
    assert len(tail.lines()) == 200
    assert max(map(len, tail.lines())) == 2000


def test_a_death_is_called_by_its_signal_or_its_exit_code() -> None:
    crash = death_error("it", "while it served", -11, ["a"], was_ready=True)
    assert isinstance(crash, CrashedError)
    assert (crash.message, crash.fields) == ("it died while it served by SIGSEGV", {"signal": "SIGSEGV", "log": ["a"]})
    assert is_cpu_fault(crash)
    start = death_error("it", "while it started", 3, [], was_ready=False)
    assert isinstance(start, StartFailedError)
    assert start.fields["exit_code"] == 3
    assert not is_cpu_fault(death_error("it", "while it loaded", -9, [], was_ready=True))


def test_a_verdict_is_kept_per_build_and_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / "verdicts.json"
    assert not cpu_faults.is_condemned("0.3.36", path)
    cpu_faults.condemn("0.3.36", "SIGILL", path)
    cpu_faults.condemn("0.3.36", "SIGSEGV", path)
    assert cpu_faults.is_condemned("0.3.36", path)
    assert not cpu_faults.is_condemned("0.3.37", path)
    assert [verdict.signal for verdict in cpu_faults.read_cpu_faults(path)] == ["SIGSEGV"]


def test_an_unreadable_verdict_file_is_no_verdict(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "verdicts.json"
    path.write_text('[{"cpu": 1')
    assert cpu_faults.read_cpu_faults(path) == []
    assert "can't read" in caplog.text


def test_a_disk_that_refuses_a_verdict_is_told_and_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    cpu_faults.condemn("0.3.36", "SIGSEGV", tmp_path / "file" / "verdicts.json")
    assert "can't keep" in caplog.text


def test_the_pause_after_deaths_doubles_up_to_five_minutes() -> None:
    assert [retry_times.backoff_s(n) for n in (1, 2, 3, 4, 5, 8, 99)] == [0, 0, 10, 20, 40, 300, 300]


def test_retry_after_is_whole_seconds_within_reason() -> None:
    assert retry_times.retry_after_s(0, 4, 0.0) == 1
    assert retry_times.retry_after_s(9, 2, 1.0) == 5
    assert retry_times.retry_after_s(1000, 1, 60.0) == 120

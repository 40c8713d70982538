from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from lsrv.engine.llama.backend import Backend
from lsrv.engine.load.fit import n_good_threads
from lsrv.engine.load.loading import load_model
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams
from tests.engine.conftest import LoadStories
from tests.models import STORIES


def ignore_progress(_stage: str, _fraction: float) -> None:
    pass


def test_a_file_that_is_no_gguf_fails_with_llama_cpps_own_words(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "not.gguf"
    path.write_text("this is not a model, however long it may be")
    with pytest.raises(LoadFailedError) as caught:
        load_model(backend, LoadParams(model_path=str(path)), ignore_progress)
    log = caught.value.fields["log"]
    assert isinstance(log, list)
    assert any("magic" in line for line in log)


def test_what_was_left_open_is_decided_and_reported(load_stories: LoadStories) -> None:
    info = load_stories(n_ctx_seq=0, n_slots=0, n_threads=0).info
    assert (info.n_ctx_seq, info.n_slots) == (2048, 4)  # the model was trained on 2048
    assert (info.n_threads, info.n_threads_batch) == (1, 1)  # too small to share among cores
    assert (info.arch, info.name, info.quantization) == ("llama", "stories260K", "F32")


def test_the_smallest_batch_is_warmed_up_too(load_stories: LoadStories) -> None:
    loaded = load_stories(n_batch=1, n_ubatch=1, n_slots=2)
    assert loaded.params.n_batch == 2
    loaded.free()


def test_progress_goes_through_weights_context_and_warm_up(backend: Backend) -> None:
    stages: list[str] = []
    load_model(backend, LoadParams(model_path=str(STORIES)), lambda stage, _fraction: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["weights", "context", "warmup"]


def test_a_model_of_real_size_gets_the_physical_cores_it_may_use() -> None:
    n_threads = n_good_threads(4 << 30)
    assert 1 <= n_threads <= (psutil.cpu_count(logical=False) or 1)

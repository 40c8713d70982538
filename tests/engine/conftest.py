"""A real engine over the embedded model."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

import pytest

from lsrv.engine.detokenize import StopStrings, TextAssembler
from lsrv.engine.engine import Engine
from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.load.loading import NO_PARTS, EngineParts, LoadedModel, load_model
from lsrv.engine.sampling import fill_sampling
from lsrv.engine.sequence import Sequence
from lsrv.protocol.commands import LoadParams, Sampling
from tests.models import STORIES

GREEDY = Sampling(temperature=0)

LoadStories = Callable[..., LoadedModel]


@pytest.fixture(scope="session")
def backend() -> Backend:
    return Backend()


@pytest.fixture(scope="session")
def load_stories(backend: Backend) -> LoadStories:
    def load(parts: EngineParts = NO_PARTS, **params: object) -> LoadedModel:
        usual = {"model_path": str(STORIES), "n_ctx_seq": 256, "n_slots": 4, "n_threads": 1, "cache_ram_bytes": 0}
        return load_model(backend, LoadParams(**(usual | params)), lambda _stage, _fraction: None, parts)

    return load


@pytest.fixture(scope="session")
def _shared(load_stories: LoadStories) -> LoadedModel:
    return load_stories()


@pytest.fixture
def stories(_shared: LoadedModel) -> LoadedModel:
    """stories260K with four slots of 256 tokens, nothing in its cache."""
    assert _shared.generation is not None
    _shared.generation.fail_all()
    return _shared


def make_sequence(
    stories: LoadedModel,
    request_id: int,
    prompt: str,
    *,
    sampling: Sampling = GREEDY,
    n_max_tokens: int = 20,
    stops: list[str] | None = None,
    **options: object,
) -> Sequence:
    vocab = stories.model.vocab
    values = fill_sampling(sampling, {}, stories.params.n_ctx_seq)
    return Sequence(
        request_id=request_id,
        prompt=vocab.tokenize(prompt, add_special=True, parse_special=True),
        sampler=None if values.is_plain_greedy else SamplerChain(values, vocab),
        text=TextAssembler(StopStrings(stops) if stops else None),
        n_max_tokens=n_max_tokens,
        submitted_at=time.perf_counter(),
        **options,
    )


def run_all(engine: Engine, *sequences: Sequence) -> dict[int, str]:
    """Submit all, step until nothing is left; the text of every sequence by request id."""
    for sequence in sequences:
        engine.submit(sequence)
    texts: dict[int, str] = defaultdict(str)
    while engine.has_work:
        for output in engine.step():
            texts[output.sequence.request_id] += output.text
    return texts

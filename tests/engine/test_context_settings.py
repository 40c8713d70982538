"""Every setting of a context reaches llama.cpp: what it does to the logits and to the memory of a real model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lsrv import demo
from lsrv.config import ContextSettings, ModelSettings
from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.batch import Batch
from lsrv.engine.llama.context import Context
from lsrv.engine.llama.model import Model
from lsrv.engine.load.fit import fit_params
from lsrv.engine.load.memory_plan import plan_memory
from lsrv.errors import LoadFailedError
from lsrv.frontdoor import Weights, read_header
from lsrv.protocol.commands import LoadParams
from lsrv.registry.loading.params import load_params
from tests.models import STORIES

PROMPT = "A long time ago there was a small house by the river. In it lived"
DEMO_PATH = demo.MODELS[demo.MODEL_ID]
CACHE_BITS = {
    "f32": 32,
    "f16": 16,
    "bf16": 16,
    "q8_0": 8.5,
    "q5_1": 6,
    "q5_0": 5.5,
    "q4_1": 5,
    "q4_0": 4.5,
    "iq4_nl": 4.5,
}
Logits = npt.NDArray[np.float32]


def params(**context: Any) -> LoadParams:
    """As the configuration makes them, so that each key is tried from there to llama.cpp."""
    context = {"context_length": 256, "slots": 1} | context
    entry = ModelSettings(model_id="m", context=ContextSettings(**context))
    header = read_header(DEMO_PATH)
    weights = Weights(DEMO_PATH, (DEMO_PATH,), DEMO_PATH.stat().st_size, "F16", "test", "the only one", header)
    return load_params(entry, weights, None)


@pytest.fixture(scope="module")
def model(backend: Backend) -> Model:
    return Model(params(), lambda _fraction: None)


def logits(model: Model, **context: Any) -> Logits:
    """Of the token after the prompt, float32 (n_vocab,). The prompt is read in two steps, the second over the cache."""
    fitted = fit_params(params(**context), model)
    tokens = model.vocab.tokenize(PROMPT, add_special=True, parse_special=True)
    made = Context(model, fitted)
    try:
        for start, end in ((0, len(tokens) - 1), (len(tokens) - 1, len(tokens))):
            batch = Batch(end - start)
            batch.add_chunk(tokens[start:end], start, 0, n_outputs=1)
            made.decode(batch)
        return made.logits(1)[0].copy()
    finally:
        made.free()


def distance(one: Logits, other: Logits) -> float:
    """The largest difference of two probabilities."""
    return float(np.abs(_softmax(one) - _softmax(other)).max())


def _softmax(values: Logits) -> Logits:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


@pytest.fixture(scope="module")
def plain(model: Model) -> Logits:
    return logits(model)


@pytest.mark.parametrize("cache_type", CACHE_BITS)
def test_a_cache_type_makes_the_cache_as_large_as_its_bits_and_the_text_nearly_the_same(
    backend: Backend, model: Model, plain: Logits, cache_type: str
) -> None:
    for keys in ({"cache_type_k": cache_type}, {"cache_type_v": cache_type}):
        kv = plan_memory(backend, params(**keys), []).contexts[0].memory.kv_bytes
        usual = plan_memory(backend, params(), []).contexts[0].memory.kv_bytes
        assert kv / usual == pytest.approx((16 + CACHE_BITS[cache_type]) / 32)
        found = logits(model, **keys)
        assert distance(found, plain) < 0.15
        assert distance(found, plain) > 0 or cache_type in ("f16", "f32"), "the type is in use"


def test_flash_attention_changes_speed_and_memory_but_hardly_a_logit(backend: Backend, model: Model) -> None:
    on, off = (logits(model, flash_attention=mode) for mode in ("on", "off"))
    assert 0 < distance(on, off) < 0.01
    large = {"context_length": 2048, "slots": 4}
    plans = [plan_memory(backend, params(flash_attention=mode, **large), []).contexts[0] for mode in ("on", "off")]
    assert plans[0].memory.compute_bytes < plans[1].memory.compute_bytes


@pytest.mark.parametrize(
    "keys",
    [
        {"rope_freq_scale": 0.5},
        {"rope_freq_base": 500.0},
        {"rope_scaling": "linear", "rope_freq_scale": 0.25},
        {"rope_scaling": "yarn", "rope_freq_scale": 0.25},
    ],
    ids=str,
)
def test_rope_settings_change_what_the_model_sees(model: Model, plain: Logits, keys: dict[str, Any]) -> None:
    assert distance(logits(model, **keys), plain) > 0.001


def test_kinds_of_rope_scaling_differ(model: Model) -> None:
    linear, yarn = (logits(model, rope_scaling=kind, rope_freq_scale=0.25) for kind in ("linear", "yarn"))
    assert distance(linear, yarn) > 0.001
    assert distance(logits(model, rope_freq_scale=1.0), logits(model, rope_scaling="none")) == 0


def test_a_cache_type_that_does_not_divide_the_heads_is_named_before_a_load(backend: Backend) -> None:
    heads_of_eight = LoadParams(model_path=str(STORIES), n_ctx_seq=256, n_slots=1, cache_type_k="q8_0")
    with pytest.raises(LoadFailedError, match=r'cache_type_k = "q8_0" \(write "f16"\)'):
        plan_memory(backend, heads_of_eight, [])

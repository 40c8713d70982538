"""When flash attention is left out: on x86 processors, for long contexts, where there is memory for all scores."""

from __future__ import annotations

import platform

import pytest

from lsrv.engine.llama.backend import Backend
from lsrv.engine.load.attention import choose_attention
from lsrv.protocol.commands import LoadParams
from tests.engine.conftest import LoadStories
from tests.engine.load.test_memory_plan import assert_planned_as_loaded
from tests.models import STORIES

GIB = 1024**3


def chosen(n_head: int = 16, weights_bytes: int = GIB, **changes: object) -> str:
    place = {"is_on_gpu": changes.pop("is_on_gpu", False), "is_x86": changes.pop("is_x86", True)}
    fields = {"n_ctx_seq": 4096, "n_slots": 4} | changes
    return choose_attention(LoadParams(model_path="a.gguf", **fields), n_head, weights_bytes, **place)


def test_long_contexts_of_processors_do_without() -> None:
    assert chosen() == "off"
    assert chosen(n_ctx_seq=512) == "auto"


@pytest.mark.parametrize(
    "changes",
    [
        {"is_on_gpu": True},
        {"is_x86": False},
        {"kv": "shared"},
        {"cache_type_v": "q8_0"},
        {"weights_bytes": GIB // 8},
        {"n_ctx_seq": 131_072},
        {"n_head": 128},
    ],
    ids=str,
)
def test_elsewhere_llama_cpp_decides(changes: dict[str, int]) -> None:
    assert chosen(**changes) == "auto"


@pytest.mark.parametrize("mode", ["on", "off"])
def test_what_the_config_says_stays(mode: str) -> None:
    assert chosen(flash_attention=mode) == mode
    assert chosen(flash_attention=mode, n_ctx_seq=512) == mode


SMALL_STEPS = {"n_ctx_seq": 2048, "n_batch": 8, "n_ubatch": 8, "n_gpu_layers": 0}  # few scores, for a small model


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="measured on x86 only")
def test_a_load_does_as_chosen_and_so_does_its_plan(backend: Backend, load_stories: LoadStories) -> None:
    loaded = load_stories(**SMALL_STEPS)
    assert loaded.params.flash_attention == "off"
    assert [line.split()[-1] for line in backend.log.lines if "flash_attn " in line] == ["disabled"]
    loaded.free()
    assert_planned_as_loaded(backend, LoadParams(model_path=str(STORIES), **SMALL_STEPS))

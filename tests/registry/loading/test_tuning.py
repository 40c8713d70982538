"""The table of `tune`, from real plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsrv.config import ContextSettings, ModelSettings, ServerSettings, Settings
from lsrv.registry import WORKER_COMMAND
from lsrv.registry.loading.tuning import TunedContext, TunedWeights, Tuning, choose_best, tune
from lsrv.registry.memory.planner import lone_planner
from tests.engine import shapes
from tests.hub_server import HubServer

pytestmark = pytest.mark.anyio


async def tuned(settings: Settings, *n_ctx_seqs: int) -> Tuning:
    async with lone_planner(WORKER_COMMAND) as planner:
        return await tune(planner, settings, settings.models[0], n_ctx_seqs)


def settings_of(model_id: str, memory_budget: str = "auto") -> Settings:
    model = ModelSettings(model_id=model_id, context=ContextSettings(slots=2))
    return Settings(server=ServerSettings(memory_budget=memory_budget), models=(model,))


async def test_the_table_has_every_file_with_every_context(tmp_path: Path) -> None:
    shapes.write_llama(tmp_path / "m-Q8_0.gguf", shapes.Type.Q8_0)
    shapes.write_llama(tmp_path / "m-Q4_K_M.gguf", shapes.Type.Q4_K)
    (tmp_path / "m-Q2_K.gguf").write_bytes(b"GGUF, and then nothing that makes sense")
    tuning = await tuned(settings_of(str(tmp_path)), 1024, 512)
    assert [(row.quantization, len(row.contexts)) for row in tuning.weights] == [
        ("Q8_0", 2),
        ("Q4_K_M", 2),
        ("Q2_K", 0),
    ]
    assert [context.n_ctx_seq for context in tuning.weights[0].contexts] == [1024, 512]
    assert all(context.n_slots == 2 and context.is_fitting for context in tuning.weights[0].contexts)
    assert "m-Q2_K.gguf" in (tuning.weights[2].problem or "")


async def test_a_budget_decides_what_fits(tmp_path: Path) -> None:
    shapes.write_llama(tmp_path / "m-Q8_0.gguf", shapes.Type.Q8_0)
    small = (await tuned(settings_of(str(tmp_path)), 512)).weights[0].contexts[0].needed_bytes["CPU"]
    tuning = await tuned(settings_of(str(tmp_path), memory_budget=f"{small}B"), 512, 8192)
    assert [context.is_fitting for context in tuning.weights[0].contexts] == [True, False]
    assert tuning.available_bytes["CPU"] == small
    assert tuning.best is not None
    assert (tuning.best.name, tuning.best.n_ctx_seq) == ("m-Q8_0.gguf", 512)


async def test_a_model_on_the_hub_is_planned_from_its_head(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    monkeypatch.setenv("LSRV_CACHE", str(tmp_path / "lsrv"))
    path = shapes.write_gemma3(tmp_path / "gemma.gguf")
    here = await tuned(settings_of(str(path)), 1024)
    hub_server.add_repo("o/gemma-GGUF", {"gemma-Q8_0.gguf": path})
    there = await tuned(settings_of("o/gemma-GGUF"), 1024)
    assert there.weights[0].contexts == here.weights[0].contexts
    assert not there.weights[0].is_here
    assert hub_server.n_bytes_sent() < path.stat().st_size // 2


def row(name: str, size: int, **fitting: bool) -> TunedWeights:
    contexts = [
        TunedContext(
            n_ctx_seq=int(n_ctx[1:]),
            n_slots=1,
            weights_bytes=size,
            kv_bytes=0,
            compute_bytes=0,
            needed_bytes={"CPU": size},
            is_fitting=is_fitting,
        )
        for n_ctx, is_fitting in fitting.items()
    ]
    return TunedWeights(
        name=name, quantization=name, size_bytes=size, origin="", is_here=True, n_ctx_train=32768, contexts=contexts
    )


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([row("large", 9, c2048=True, c4096=True, c8192=False), row("small", 4, c8192=True)], ("large", 4096)),
        ([row("large", 9, c2048=True, c4096=False), row("small", 4, c4096=True, c8192=True)], ("small", 8192)),
        ([row("large", 9, c2048=True, c4096=False), row("small", 4, c2048=True)], ("large", 2048)),
        ([row("large", 9, c2048=False)], None),
        ([row("large", 9, c32768=True, c65536=True)], ("large", 32768)),
        ([row("large", 9, c65536=True)], ("large", 65536)),
    ],
)
async def test_the_best_is_the_largest_with_enough_context(
    rows: list[TunedWeights], best: tuple[str, int] | None
) -> None:
    found = choose_best(rows)
    assert (found and (found.name, found.n_ctx_seq)) == best

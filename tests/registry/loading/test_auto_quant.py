from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lsrv.config import ContextSettings, ModelSettings, ServerSettings, Settings
from lsrv.errors import NotEnoughMemoryError
from lsrv.frontdoor import FrontDoor
from lsrv.frontdoor.hub import Hub
from lsrv.registry import WORKER_COMMAND, spec_of
from lsrv.registry.loading.auto_quant import choose_offer
from lsrv.registry.loading.tuning import tune
from lsrv.registry.memory.planner import lone_planner
from tests.engine import shapes

pytestmark = pytest.mark.anyio


async def test_the_largest_that_the_budget_holds_with_its_context_is_taken(tmp_path: Path) -> None:
    shapes.write_llama(tmp_path / "m-Q8_0.gguf", shapes.Type.Q8_0)
    shapes.write_llama(tmp_path / "m-Q4_K_M.gguf", shapes.Type.Q4_K)
    model = ModelSettings(model_id=str(tmp_path), context=ContextSettings(context_length=512, slots=2))
    offers = FrontDoor(Hub(token=None, offline=True)).offers(spec_of(model))

    async with lone_planner(WORKER_COMMAND) as planner:
        rows = (await tune(planner, Settings(), model, [512])).weights
        large, small = (row.contexts[0].needed_bytes["CPU"] for row in rows)

        async def chosen(budget_bytes: int) -> str:
            settings = Settings(server=ServerSettings(memory_budget=f"{budget_bytes}B"))
            loop = asyncio.get_running_loop()
            offer, _ = await asyncio.to_thread(choose_offer, planner, loop, settings, model, offers, {})
            return offer.candidate.name

        assert await chosen(large) == "m-Q8_0.gguf"
        assert await chosen(large - 1) == "m-Q4_K_M.gguf"
        assert await chosen(small) == "m-Q4_K_M.gguf"
        with pytest.raises(NotEnoughMemoryError, match="nothing fits"):
            await chosen(small - 1)

"""What those who watch a registry learn of an upstream's status, and of whom they learn nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lsrv.config import Settings, plan_change
from lsrv.errors import UpstreamError
from lsrv.registry import Registry, RegistryEvent, UpstreamLease
from tests.conftest import wait_until
from tests.upstream_server import UpstreamServer

pytestmark = pytest.mark.anyio

CHAT = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class House:
    """A registry with one upstream, "far", which works or fails as `upstream.script` says."""

    def __init__(self, upstream: UpstreamServer) -> None:
        self.upstream = upstream
        self._settings = self.settings()
        self.registry = Registry(self._settings)
        self.told: list[str | None] = []
        self.registry.watch(self._note)

    def _note(self, event: RegistryEvent) -> None:
        if event.kind == "status":
            self.told.append(event.status)

    def settings(self, **changes: str) -> Settings:
        entry = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": self.upstream.base_url("moody")}}
        return Settings.model_validate({"server": {"spare_workers": 0}, "models": [entry | changes]})

    async def configure(self, settings: Settings) -> None:
        await self.registry.configure(plan_change(self._settings, settings))

    async def ask(self, **fields: str) -> None:
        async with self.registry.acquire("far") as lease:
            assert isinstance(lease, UpstreamLease)
            await lease.ask("chat/completions", CHAT | fields)

    async def fail(self) -> None:
        self.upstream.script.is_broken = True
        for _ in range(3):
            with pytest.raises(UpstreamError):
                await self.ask()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    with UpstreamServer() as upstream:
        house = House(upstream)
        await house.registry.start()
        yield house
        await house.registry.close()


async def test_failures_are_told_once_and_so_is_that_they_are_forgiven(house: House) -> None:
    await house.fail()
    assert house.told == ["error"]
    await house.registry.load("far")
    await house.registry.load("far")
    assert house.told == ["error", "loaded"]


async def test_a_switch_is_told(house: House) -> None:
    await house.registry.disable("far")
    await house.registry.disable("far")
    await house.registry.enable("far")
    assert house.told == ["disabled", "loaded"]


async def test_an_endpoint_that_another_one_has_replaced_tells_nothing(house: House) -> None:
    patient = asyncio.create_task(house.ask(user="patient"))
    await asyncio.to_thread(wait_until, lambda: house.upstream.requests_to("moody"))
    await house.fail()
    await house.configure(house.settings(alias="beyond"))
    house.upstream.script.is_broken = False
    house.upstream.script.gate.release()
    await patient
    assert house.told == ["error"]

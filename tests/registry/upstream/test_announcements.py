"""What those who watch a registry learn of an upstream's status, and of whom they learn nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lsrv.config import Settings, plan_change
from lsrv.errors import ModelDisabledError, UpstreamError
from lsrv.model_id import ModelId
from lsrv.registry import RegistryEvent, Turn, assemble
from tests.conftest import wait_until
from tests.registry.conftest import until
from tests.upstream_server import UpstreamServer

pytestmark = pytest.mark.anyio

FAR = ModelId("far")
CHAT = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class WatchedRegistry:
    """A registry with one upstream, "far", which works or fails as `upstream.script` says."""

    def __init__(self, upstream: UpstreamServer) -> None:
        self.upstream = upstream
        self._settings = self.settings()
        self.registry = assemble(self._settings)
        self.told: list[str | None] = []
        self.registry.watch(self._note)

    def _note(self, event: RegistryEvent) -> None:
        if event.kind == "status":
            self.told.append(event.status)

    def settings(self, **changes: object) -> Settings:
        entry = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": self.upstream.base_url("moody")}}
        return Settings.model_validate({"server": {"spare_workers": 0}, "models": [entry | changes]})

    async def configure(self, settings: Settings) -> None:
        await self.registry.configure(plan_change(self._settings, settings))

    async def ask(self, **fields: str) -> None:
        async with self.registry.acquire("far") as lease:
            await lease.relay("chat/completions", CHAT | fields)

    async def fail(self) -> None:
        self.upstream.script.is_broken = True
        for _ in range(3):
            with pytest.raises(UpstreamError):
                await self.ask()


@pytest.fixture
async def watched() -> AsyncIterator[WatchedRegistry]:
    with UpstreamServer() as upstream:
        watched = WatchedRegistry(upstream)
        await watched.registry.start()
        yield watched
        await watched.registry.close()


async def test_failures_are_told_once_and_so_is_that_they_are_forgiven(watched: WatchedRegistry) -> None:
    await watched.fail()
    assert watched.told == ["error"]
    await watched.registry.load("far")
    await watched.registry.load("far")
    assert watched.told == ["error", "loaded"]


async def test_a_switch_is_told(watched: WatchedRegistry) -> None:
    await watched.registry.disable("far")
    await watched.registry.disable("far")
    await watched.registry.enable("far")
    assert watched.told == ["disabled", "loaded"]


async def test_who_waits_is_refused_at_once_when_the_entry_is_disabled(watched: WatchedRegistry) -> None:
    one_place = {"base_url": watched.upstream.base_url("moody"), "max_concurrency": 1}
    await watched.configure(watched.settings(upstream=one_place))
    running = asyncio.create_task(watched.ask(user="patient"))  # until the gate opens
    await until(lambda: watched.upstream.requests_to("moody"))
    waiting = asyncio.create_task(watched.ask())
    await until(lambda: watched.registry.view(FAR).n_waiting)
    await watched.registry.disable(FAR)
    with pytest.raises(ModelDisabledError):
        await waiting
    assert not running.done()
    watched.upstream.script.gate.release()
    await running


async def test_nothing_is_known_of_where_a_request_stands_over_there(watched: WatchedRegistry) -> None:
    assert watched.registry.standing(FAR, Turn()) is None


async def test_an_entry_may_become_an_upstream_and_a_model_of_this_machine_again(watched: WatchedRegistry) -> None:
    here = Settings.model_validate({"server": {"spare_workers": 0}, "models": [{"model_id": "far"}]})
    there = watched.settings()
    await watched.registry.configure(plan_change(there, here))
    view = watched.registry.view(FAR)
    assert (view.kind, view.status) == ("auto", "unloaded") and not watched.registry.takes_openai_bodies(FAR)
    await watched.registry.configure(plan_change(here, there))
    assert watched.registry.view(FAR).kind == "upstream"
    await watched.ask()


async def test_a_switch_outlives_other_settings_and_yields_to_its_own(watched: WatchedRegistry) -> None:
    await watched.registry.disable("far")
    await watched.configure(watched.settings(alias="beyond"))
    assert watched.registry.view("far").status == "disabled"
    await watched.registry.enable("far")
    await watched.configure(watched.settings(enabled=False))
    assert watched.registry.view("far").status == "disabled"


async def test_an_endpoint_that_another_one_has_replaced_tells_nothing(watched: WatchedRegistry) -> None:
    patient = asyncio.create_task(watched.ask(user="patient"))
    await asyncio.to_thread(wait_until, lambda: watched.upstream.requests_to("moody"))
    await watched.fail()
    await watched.configure(watched.settings(alias="beyond"))
    watched.upstream.script.is_broken = False
    watched.upstream.script.gate.release()
    await patient
    assert watched.told == ["error"]

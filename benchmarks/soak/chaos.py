"""What disturbs the server in a soak: killed and stopped workers, sick caches, model verbs, reloads, who watches it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import psutil

from benchmarks.soak.entries import CHANGES
from benchmarks.soak.judging import Incident
from benchmarks.soak.questions import Question
from tests.sick_disk import SickDisk

_KILL_GAP_S = 31.0  # three deaths of one model within a minute would rightly open its circuit
_PAUSE_S = (2.0, 10.0)
_POLL_S = 5.0
_STANDSTILL_S = (1.0, 4.0)
_ENTRIES = ("plain", "lookup", "shared", "cached", "demo", "embed", "rerank")
# What a verb may say that was obeyed. Whoever waits for an unloaded model has it loaded again at once.
_WORDS = {"load": {"loaded"}, "reload": {"loaded"}, "unload": {"unloaded", "reloading"}}
_POLLED = ("/metrics", "/v1/models", "/admin/status", "/health", "/readyz", "/v1/models/plain/plan")


class Chaos:
    """Acts at random moments until cancelled. `incidents` excuse errors, `problems` are what lsrv did wrong."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        server_pid: int,
        write_config: Callable[[str], None],
        disk: SickDisk | None,
        rng: random.Random,
    ) -> None:
        """`disk`: where the server keeps its caches; None where none can be made sick."""
        self.incidents: list[Incident] = []
        self.problems: list[str] = []
        self.n_acts: Counter[str] = Counter()
        self._client = client
        self._server_pid = server_pid
        self._write_config = write_config
        self._disk = disk
        self._rng = rng
        self._killed_at = time.monotonic()
        self._is_armed = False

    async def act(self) -> None:
        """One disturbance after another."""
        acts = [self._kill, self._arm, self._unload, self._force, self._load, self._reload, self._sighup, self._bad]
        acts += [self._stop] if self._disk is None else [self._stop, self._sicken]
        while True:
            await asyncio.sleep(self._rng.uniform(*_PAUSE_S))
            await self._rng.choice(acts)()

    async def poll(self) -> None:
        """What dashboards and pages ask all the time."""
        while True:
            await asyncio.sleep(_POLL_S)
            for path in _POLLED:
                answer = await self._client.get(path)
                self._expect(answer.status_code == httpx.codes.OK, f"{path}: {answer.status_code} {answer.text[:200]}")

    async def on_text(self, question: Question) -> None:
        """A stream has begun: where a kill was armed, its worker dies in the middle of it."""
        if not self._is_armed:
            return
        self._is_armed = False
        pid_of = {entry: pid for pid, entry in (await self._workers()).items()}
        if question.entry in pid_of:
            self._end(pid_of[question.entry], question.entry, "kill in a stream")

    async def _arm(self) -> None:
        self._is_armed = self._may_kill()

    async def _kill(self) -> None:
        """Any child: a worker, a spare, or one that loads."""
        children = psutil.Process(self._server_pid).children(recursive=True)
        if not self._may_kill() or not children:
            return
        workers = await self._workers()
        pid = self._rng.choice(children).pid
        self._end(pid, workers.get(pid, ""), "kill" if pid in workers else "kill of a spare or loading worker")

    def _may_kill(self) -> bool:
        return time.monotonic() - self._killed_at > _KILL_GAP_S

    def _end(self, pid: int, entry: str, act: str) -> None:
        self._killed_at = time.monotonic()
        self.incidents.append(Incident(entry, "worker_crashed", self._killed_at, self._killed_at))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it left meanwhile
        self.n_acts[act] += 1

    async def _stop(self) -> None:
        """A worker that stands still for a while is none that hangs: whoever waits for it is answered."""
        workers = await self._workers()
        if not workers:
            return
        pid = self._rng.choice(list(workers))
        with contextlib.suppress(ProcessLookupError):  # it left, or was ended for another one
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(self._rng.uniform(*_STANDSTILL_S))
            finally:
                os.kill(pid, signal.SIGCONT)
            self.n_acts["stop and continue"] += 1

    async def _sicken(self) -> None:
        """A cache that can't be read, written or waited for costs its hits, and no answer."""
        assert self._disk is not None
        ills = {"fails": self._disk.fail, "is full": self._disk.fill, "hangs": self._disk.hang}
        ill = self._rng.choice(list(ills))
        ills[ill]()
        try:
            await asyncio.sleep(self._rng.uniform(*_STANDSTILL_S))
        finally:
            self._disk.be_well()
        self.n_acts[f"cache's drive {ill}"] += 1

    async def _workers(self) -> dict[int, str]:
        """Entries by the pids of their workers."""
        status = (await self._client.get("/admin/status")).json()
        return {model["worker"]["pid"]: model["id"] for model in status["models"] if model["worker"] is not None}

    async def _unload(self) -> None:
        await self._verb("unload", {"model_id": self._rng.choice(_ENTRIES)})

    async def _force(self) -> None:
        incident = Incident(self._rng.choice(_ENTRIES), "aborted", time.monotonic())
        self.incidents.append(incident)
        await self._verb("unload", {"model_id": incident.entry, "force": True})
        incident.ended_at = time.monotonic()

    async def _load(self) -> None:
        await self._verb("load", {"model_id": self._rng.choice(_ENTRIES)})

    async def _reload(self) -> None:
        await self._verb("reload", {"model_id": self._rng.choice(_ENTRIES)})

    async def _verb(self, verb: str, body: dict[str, Any]) -> None:
        answer = await self._client.post(f"/v1/models/{verb}", json=body)
        self.n_acts[verb + (" by force" if "force" in body else "")] += 1
        is_right = answer.status_code == httpx.codes.OK and answer.json()["status"] in _WORDS[verb]
        self._expect(is_right, f"{verb} {body}: {answer.status_code} {answer.text[:300]}")

    async def _sighup(self) -> None:
        """Another config, taken in as an operator does it."""
        change = self._rng.choice(CHANGES)
        self._write_config(change)
        os.kill(self._server_pid, signal.SIGHUP)
        self.n_acts[f"SIGHUP ({change})"] += 1

    async def _bad(self) -> None:
        """A file with an error changes nothing and says why."""
        self._write_config("bad")
        answer = await self._client.post("/admin/reload")
        self._write_config("none")
        self.n_acts["reload of a wrong file"] += 1
        self._expect(answer.status_code == httpx.codes.BAD_REQUEST, f"a wrong file: {answer.status_code} {answer.text}")

    def _expect(self, is_right: bool, what: str) -> None:
        if not is_right:
            self.problems.append(what)
            print(f"problem: {what}", flush=True)

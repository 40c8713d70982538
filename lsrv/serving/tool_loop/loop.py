"""Lets a model use tools: it writes, its calls are made, it reads what came of them, and writes on.

1. Each round has a lease of its own: a tool that takes its time holds no place of the model.
2. Calls of the server's tools are made here, side by side. Calls of the client's tools end the answer: it makes them.
   Where one round has both, only the client's count, for the model has to be asked again with them anyway.
3. After `max_rounds`, or when the time is over, the model is shown the server's tools no more, and has to answer.
4. What tools say is cut as far as it has to be to fit the context. A schema that no answer can be bound to is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol, Self

from msgspec.structs import replace as changed

from lsrv.errors import GrammarError, PromptTooLongError
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import CallDelta, ChoiceEvent, Delta, Finished, Usage
from lsrv.protocol.tool_news import ToolNews, ToolOutput, ToolRun
from lsrv.response_cache import whole_answer
from lsrv.serving.entry_request import EntryRequest
from lsrv.serving.tool_loop.offering import with_loose_arguments, with_server_tools
from lsrv.serving.tool_loop.round import Round, RoundMessage, arguments_of_call, usage_of_rounds
from lsrv.serving.tool_loop.toolbox import Toolbox

_CUT_TO = 4  # a cut leaves one part of so many
_LEAST_CHARS = 256
_NOT_MADE = "not called: the same answer has calls for the client to make"

RoundBatch = list[ChoiceEvent]


class RoundEvents(Protocol):
    """The events of one round."""

    async def next_batch(self) -> RoundBatch: ...

    def end_thoughts(self) -> bool: ...


class LeaseRound(Protocol):
    """Asks the entry for one round; the lease ends with it. Gives the commands as the entry was asked them, too."""

    def __call__(self, asked: EntryRequest) -> AbstractAsyncContextManager[tuple[RoundEvents, Sequence[Generate]]]: ...


@dataclass(frozen=True, slots=True)
class LoopLimits:
    max_rounds: int
    time_limit_s: float
    is_required: bool = False  # the first round is a call


class ToolLoop:
    """The events of an answer that may use `toolbox`; a source like any other. Its request has one choice."""

    def __init__(self, lease_round: LeaseRound, asked: EntryRequest, toolbox: Toolbox, limits: LoopLimits) -> None:
        self._lease_round = lease_round
        self._asked = asked
        self._toolbox = toolbox
        self._limits = limits
        self._tools = toolbox.tools
        self._command = asked.request.commands[0]
        self._outputs: list[RoundMessage] = []  # messages of tools, which may be cut
        self._usages: list[Usage] = []
        self._ends_at = 0.0  # by the loop's clock
        self._has_lease = False  # has had one
        self._events: RoundEvents | None = None  # of the round that runs
        self._has_said = False  # in an earlier round

    async def __aenter__(self) -> Self:
        """Waits for the first lease."""
        self._ends_at = asyncio.get_running_loop().time() + self._limits.time_limit_s
        self._batches = self._rounds()
        await anext(self._batches)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._batches.aclose()

    async def next_batch(self) -> RoundBatch:
        return await anext(self._batches)

    def end_thoughts(self) -> bool:
        """Let the model think no longer in the round that runs; whether it could be told."""
        return self._events is not None and self._events.end_thoughts()

    async def ends(self) -> list[Finished]:
        events: RoundBatch = []
        while not any(isinstance(event, Finished) for _, event in events):
            events += await self.next_batch()
        return whole_answer(events)

    async def _rounds(self) -> AsyncGenerator[RoundBatch]:
        """The first batch is empty: the first lease is there."""
        news: list[ToolNews] = list(self._toolbox.listings)
        n_rounds = 0
        while True:
            has_tools = n_rounds < self._limits.max_rounds and self._left_s() > 0
            found = Round(lambda name, may=has_tools: may and self._toolbox.owner(name) is not None)
            async with contextlib.aclosing(self._one_round(found, has_tools, n_rounds == 0)) as batches:
                async for batch in batches:
                    if news and batch:
                        batch, news = [*_told(news), *batch], []
                    yield batch
            n_rounds += 1
            self._has_said = self._has_said or bool(found.text)
            if not found.is_to_go_on:
                yield [*_told([*news, *self._not_made(found)]), (0, self._last(found))]
                return
            yield self._rest(found)
            async with contextlib.aclosing(self._make_calls(found)) as told:
                async for batch in told:
                    yield batch

    async def _one_round(self, found: Round, has_tools: bool, is_first: bool) -> AsyncGenerator[RoundBatch]:
        """The deltas of one round, whose end `found` keeps. Of the first round an empty batch comes first."""
        while True:
            has_begun = False
            asked = self._asked_now(has_tools, is_first)
            try:
                async with self._lease_round(asked) as (events, commands):
                    self._events = events
                    if not self._has_lease:
                        self._has_lease = True
                        yield []
                    while found.end is None:
                        batch = self._heard(found, await events.next_batch())
                        has_begun = True
                        if batch:
                            yield batch
                self._events = None
                self._used(found, commands[0])
            except PromptTooLongError:
                if has_begun or not self._cut_outputs():
                    raise
            except GrammarError:
                if has_begun or not self._loosen():
                    raise
            else:
                return

    def _asked_now(self, has_tools: bool, is_first: bool) -> EntryRequest:
        is_required = is_first and self._limits.is_required
        command = self._command
        if not is_first and command.tool_use is not None:
            command = changed(command, tool_use=changed(command.tool_use, choice="auto"))
        if has_tools:
            command = with_server_tools(command, self._tools, is_required=is_required)
        command = changed(command, is_streaming=True)
        return replace(self._asked, request=changed(self._asked.request, commands=[command]))

    def _heard(self, found: Round, batch: RoundBatch) -> RoundBatch:
        kept: RoundBatch = []
        for index, event in batch:
            if isinstance(event, Finished):
                found.finish(changed(event, text=self._apart(found, event.text)))
            elif not isinstance(event, Delta):
                if not self._usages:
                    kept.append((index, event))
            elif (left := found.delta(changed(event, text=self._apart(found, event.text)))) is not None:
                kept.append((index, left))
        return kept

    def _apart(self, found: Round, text: str) -> str:
        """Texts of two rounds are two paragraphs."""
        return f"\n\n{text.lstrip()}" if self._has_said and text and not found.text else text

    def _used(self, found: Round, command: Generate) -> None:
        """What is left of the tokens that the answer may have."""
        assert found.end is not None
        self._usages.append(found.end.usage)
        if command.max_tokens is not None:
            left = command.max_tokens - found.end.usage.n_completion_tokens
            self._command = changed(self._command, max_tokens=max(left, 0))

    def _rest(self, found: Round) -> RoundBatch:
        """What the round said with its end."""
        end = found.end
        assert end is not None
        if not (end.text or end.reasoning or end.logprobs):
            return []
        return [(0, Delta(end.request_id, end.text, end.reasoning, end.logprobs))]

    def _last(self, found: Round) -> Finished:
        assert found.end is not None
        end = changed(found.end, usage=usage_of_rounds(self._usages))
        has_calls_left = end.calls or any(found.server_calls)
        return changed(end, finish_reason="stop") if end.finish_reason == "tool_calls" and not has_calls_left else end

    def _not_made(self, found: Round) -> list[ToolNews]:
        return [
            run
            for call in found.server_calls
            for begun in [self._run_of(call)]
            for run in (begun, changed(begun, output=_NOT_MADE, is_error=True))
        ]

    async def _make_calls(self, found: Round) -> AsyncGenerator[RoundBatch]:
        """Tells of calls as they begin and end; the model reads what came of them in the order of its calls."""
        calls = found.server_calls
        runs = [self._run_of(call) for call in calls]
        yield _told(runs)
        tasks = [asyncio.create_task(self._output_of(call)) for call in calls]
        outputs: list[ToolOutput | None] = [None] * len(tasks)
        waiting = set(tasks)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                told: list[ToolNews] = []
                for task in done:
                    at = tasks.index(task)
                    outputs[at] = output = task.result()
                    told.append(changed(runs[at], output=output.text, is_error=output.is_error))
                yield _told(told)
        finally:
            for task in waiting:
                task.cancel()
            if waiting:
                await asyncio.wait(waiting)
        self._remember(found, runs, [output for output in outputs if output is not None])

    def _remember(self, found: Round, runs: Sequence[ToolRun], outputs: Sequence[ToolOutput]) -> None:
        answers: list[RoundMessage] = [
            {"role": "tool", "tool_call_id": run.id, "name": call.name, "content": output.text}
            for run, call, output in zip(runs, found.server_calls, outputs, strict=True)
        ]
        self._outputs += answers
        said = found.message([run.id for run in runs])
        self._command = changed(self._command, messages=[*(self._command.messages or []), said, *answers])

    async def _output_of(self, call: CallDelta) -> ToolOutput:
        arguments = arguments_of_call(call.arguments)
        if arguments is None:
            return ToolOutput("Error: the arguments are no JSON object.", is_error=True)
        left_s = self._left_s()
        if left_s <= 0:
            return ToolOutput("Error: there is no time left for tools.", is_error=True)
        return await self._toolbox.call(call.name, arguments, left_s)

    def _run_of(self, call: CallDelta) -> ToolRun:
        owner = self._toolbox.owner(call.name)
        assert owner is not None
        return ToolRun(call.id or secrets.token_hex(12), owner.server, owner.name, call.arguments)

    def _left_s(self) -> float:
        return self._ends_at - asyncio.get_running_loop().time()

    def _cut_outputs(self) -> bool:
        """Cut what tools have said. Returns whether there was something to cut."""
        has_cut = False
        for message in self._outputs:
            text = str(message["content"])
            if len(text) > _LEAST_CHARS:
                message["content"] = f"{text[: len(text) // _CUT_TO]}\n[cut: the context has no room for the rest]"
                has_cut = True
        return has_cut

    def _loosen(self) -> bool:
        loose = with_loose_arguments(self._tools)
        has_changed, self._tools = loose != self._tools, loose
        return has_changed


def _told(news: Sequence[ToolNews]) -> RoundBatch:
    return [(0, Delta(0, "", tool_news=list(news)))] if news else []

"""How every measurement goes: what it says first, what it asks of a server, whose turn it is, how a failure ends it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from benchmarks import machine
from benchmarks.answer import Answer
from benchmarks.load import LoadFigures, Work, run_load
from benchmarks.peers import ServerFailedError, ServerParams, ServerProcess
from benchmarks.peers.params import MODEL_NAME
from benchmarks.peers.process import HOST

T = TypeVar("T")


@contextmanager
def session(params: ServerParams) -> Generator[ExitStack]:
    """Print with what is measured; the stack is for servers, of which one that fails ends the program."""
    print(f"{machine.headline(machine.describe())}\n{params}\n", flush=True)
    try:
        with ExitStack() as stack:
            yield stack
    except ServerFailedError as error:
        sys.exit(f"error: {error}")


def answered(server: ServerProcess, work: Work) -> tuple[LoadFigures, list[Answer]]:
    """All of `work`, and what came back. Raises ServerFailedError if a single request fails."""
    figures, answers = asyncio.run(run_load(HOST, server.port, MODEL_NAME, work))
    if figures.n_errors:
        raise ServerFailedError(
            f"{server.name}: {figures.n_errors} of {work.n_requests} requests failed: {figures.first_error}\n"
            f"{server.log_tail()}"
        )
    return figures, answers


def in_turns(each: Sequence[T], number: int) -> Sequence[T]:
    """The order of round `number`: who is first changes from round to round."""
    return each if number % 2 == 0 else each[::-1]

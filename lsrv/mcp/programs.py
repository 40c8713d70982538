"""A server that is a program: started in a group of its own, spoken to in lines over its stdin and stdout.

The SDK's transport reads lines of any length; here a longer one than `MAX_LINE_BYTES` ends the connection. What the
program writes to stderr goes to the log. It dies with lsrv, and its whole group with the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

_log = logging.getLogger(__name__)

MAX_LINE_BYTES = 16 * 1024 * 1024
_MAX_LOGGED_CHARS = 1000
_MAX_LOGGED_LINES = 50  # of stderr in one second; the rest of it is not told
_GRACE_S = 2.0
_LAUNCH = Path(__file__).with_name("launch.py")
_INHERITED = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME")


@contextlib.asynccontextmanager
async def program_streams(
    name: str, command: Sequence[str], env: Mapping[str, str], cwd: str | None, ended: asyncio.Event
) -> AsyncGenerator[
    tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]
]:
    """What the program `command` says and is told, as messages; `ended` is set when it says no more.

    Raises OSError if it can't be started.
    """
    inherited = {key: value for key in _INHERITED if (value := os.environ.get(key)) is not None}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *command,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=inherited | dict(env), cwd=cwd, start_new_session=True, limit=MAX_LINE_BYTES,
    )  # fmt: skip
    heard, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    sent, to_send = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.create_task(_read(name, process, heard, ended)),
        asyncio.create_task(_write(process, to_send, heard)),
        asyncio.create_task(_log_errors(name, process)),
    ]
    try:
        yield received, sent
    finally:
        for stream in (sent, received, heard, to_send):
            stream.close()
        await _stop(process)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _read(
    name: str,
    process: asyncio.subprocess.Process,
    heard: MemoryObjectSendStream[SessionMessage | Exception],
    ended: asyncio.Event,
) -> None:
    assert process.stdout is not None
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
        async with heard:
            while line := await _line(name, process.stdout):
                try:
                    message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
                except ValueError:
                    _log.warning("not a message", extra={"mcp_server": name, "line": _shown(line)})
                    continue
                await heard.send(message)
    ended.set()


async def _line(name: str, stdout: asyncio.StreamReader) -> bytes:
    """The next line; empty: there is none, or it is too long."""
    try:
        return await stdout.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        _log.error("an answer is too long", extra={"mcp_server": name, "max_bytes": MAX_LINE_BYTES})
        return b""


async def _write(
    process: asyncio.subprocess.Process,
    to_send: MemoryObjectReceiveStream[SessionMessage],
    heard: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    assert process.stdin is not None
    try:
        async for message in to_send:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except (ConnectionError, anyio.ClosedResourceError):
        heard.close()  # whoever waits for an answer learns that none comes


async def _log_errors(name: str, process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    pending, clock = b"", asyncio.get_running_loop().time
    second, n_lines = clock(), 0
    while chunk := await process.stderr.read(8192):
        *lines, pending = (pending + chunk).split(b"\n")
        pending = pending[-_MAX_LOGGED_CHARS:]
        if clock() - second > 1.0:
            second, n_lines = clock(), 0
        for line in lines:
            n_lines += bool(line.strip())
            if line.strip() and n_lines <= _MAX_LOGGED_LINES:
                _log.info("stderr", extra={"mcp_server": name, "line": _shown(line)})


def _shown(line: bytes) -> str:
    return line[:_MAX_LOGGED_CHARS].decode(errors="replace").strip()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Close stdin, which asks the program to go; then the whole group goes."""
    assert process.stdin is not None
    process.stdin.close()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if await _has_ended(process, _GRACE_S if process.returncode is None else 0.0):
            break
        _kill_group(process.pid, sign)
    _kill_group(process.pid, signal.SIGKILL)  # what it has started and left


async def _has_ended(process: asyncio.subprocess.Process, within_s: float) -> bool:
    if process.returncode is not None:
        return True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await process.wait()
    return process.returncode is not None


def _kill_group(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sign)

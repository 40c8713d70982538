"""Runs the HTTP server: sockets, uvicorn, signals, drain. The one place that starts and stops it.

1. Bind: a port that is taken is a ConfigError before any model is loaded.
2. Serve until SIGTERM, SIGINT or an error.
3. Drain: the listener stays open, so that new requests get 503 with Retry-After instead of a refused connection;
   running ones finish, or end with an error event when `drain_timeout` is over.
4. Close: connections, then workers. A second signal skips what is left of 3.

SIGHUP takes in the config file anew, whenever it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import Callable, Generator

import uvicorn

from lsrv.api import life
from lsrv.api.admin.reload import reload_settings
from lsrv.api.app import create_gate, create_state
from lsrv.api.http.connection import GuardedProtocol, IdleConnections, Limits
from lsrv.api.http.listen import bind, raise_file_limit
from lsrv.api.http.signals import StopSignals, hangups
from lsrv.api.state import ReadSettings, ServerState
from lsrv.config import ServerSettings, Settings
from lsrv.errors import ConfigError
from lsrv.registry import Discovery, Registry

_log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 3.0  # for the last bytes of ended requests to reach their clients

Listening = Callable[[list[str]], None]


async def run_server(
    settings: Settings,
    registry: Registry,
    *,
    on_listening: Listening | None = None,
    limits: Limits | None = None,
    read_settings: ReadSettings | None = None,
    discovery: Discovery | None = None,
) -> int:
    """Serve until a signal comes; returns the exit code. `on_listening` gets the base URLs.

    `read_settings` reads the config file again, for a reload; None: there is none. `discovery`: what found a part of
    `settings`; None: nothing was looked for yet.

    Raises ConfigError if the port can't be had; nothing was started then.
    """
    sockets = bind(settings.server.host, settings.server.port)
    state = create_state(registry, settings, read_settings, discovery)
    ollama_sockets = _bind_for_ollama(settings.server, sockets)
    state.ollama_port = _port_of(ollama_sockets)
    sockets += [each for each in ollama_sockets if each not in sockets]
    server = _Server(_uvicorn_config(state, limits or Limits(n_connections=raise_file_limit())))
    stop = StopSignals()
    state.stop = stop.ask
    try:
        with stop.installed(), hangups(functools.partial(reload_settings, state), stop):
            await life.start(state)
            serving = asyncio.create_task(server.serve(sockets))
            if on_listening is not None:
                on_listening([_url(listener) for listener in sockets])
            await _until(serving, stop.first)
            draining = asyncio.create_task(_drain(state, server))
            await _until(draining, stop.second)
            draining.cancel()
            server.force_exit = stop.second.is_set()
            server.should_exit = True
            await serving
    finally:
        await life.close(state)
    return 1 if stop.second.is_set() else 0


def _bind_for_ollama(server: ServerSettings, sockets: list[socket.socket]) -> list[socket.socket]:
    """Where Ollama's clients find it: `sockets` themselves if that is the server's own port; empty: nowhere.

    A port that is taken (Ollama runs) is told, and all else goes on.
    """
    port = server.ollama_port
    if port is None or port == _port_of(sockets):
        return [] if port is None else sockets
    try:
        bound = bind(server.host, port)
    except ConfigError as error:
        _log.warning("not listening for Ollama's clients", extra={"port": port, "why": error.message})
        return []
    _log.info("listening for Ollama's clients", extra={"port": _port_of(bound)})
    return bound


def _port_of(sockets: list[socket.socket]) -> int | None:
    return int(sockets[0].getsockname()[1]) if sockets else None


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: those close the listener before anything could be drained."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _uvicorn_config(state: ServerState, limits: Limits) -> uvicorn.Config:
    protocol = functools.partial(GuardedProtocol, limits=limits, idle=IdleConnections())
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # its lines about starting and bad requests are ours to write
    return uvicorn.Config(
        create_gate(state),  # pyright: ignore[reportArgumentType]  # uvicorn and Litestar type ASGI messages apart
        http=protocol,  # pyright: ignore[reportArgumentType]  # any factory of protocols will do
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(_CLOSE_TIMEOUT_S),
    )


async def _drain(state: ServerState, server: uvicorn.Server) -> None:
    """Refuse what is new, wait for what runs; then let the last bytes go out."""
    await life.drain(state)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            while server.server_state.tasks:
                await asyncio.wait(server.server_state.tasks.copy())


async def _until(task: asyncio.Task[None], event: asyncio.Event) -> None:
    """Wait until `task` has ended or `event` is set; the task goes on in the second case."""
    signalled = asyncio.create_task(event.wait())
    await asyncio.wait((task, signalled), return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

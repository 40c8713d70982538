"""Handlers of `/v1/system/*`: the machine that serves, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys

import msgspec
import psutil
from litestar import Response

from lsrv import __version__
from lsrv.api.http.access import Needs
from lsrv.api.http.receive import until_disconnect
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState
from lsrv.errors import ServerError

_DOCTOR_S = 120.0

_encode = msgspec.json.Encoder().encode


async def system_info(_: ApiRequest, server: ServerState) -> Response[bytes]:
    memory, ram = server.registry.memory(), psutil.virtual_memory()
    devices = [
        {"name": name, "budget_bytes": n_bytes, "promised_bytes": memory.promised_bytes.get(name, 0)}
        for name, n_bytes in memory.budget_bytes.items()
    ]
    return json_response(
        _encode(
            {
                "lsrv": __version__,
                "llama_cpp_python": importlib.metadata.version("llama-cpp-python"),
                "python": platform.python_version(),
                "os": {"name": platform.system(), "release": platform.release(), "machine": platform.machine()},
                "cpu": {"n_logical": os.cpu_count(), "n_physical": psutil.cpu_count(logical=False)},
                "memory": {"total_bytes": ram.total, "available_bytes": ram.available},
                "devices": devices,
            }
        )
    )


async def doctor(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """What `lsrv doctor --json` says here; one at a time."""
    return json_response(await until_disconnect(request.receive, server.looks.run("doctor", _doctor)))


def _doctor() -> bytes:
    command = [sys.executable, "-m", "lsrv", "doctor", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_DOCTOR_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise ServerError(f"the doctor has not finished within {_DOCTOR_S:g} s; run `lsrv doctor` there") from None
    try:
        return _encode(msgspec.json.decode(done.stdout))
    except msgspec.DecodeError:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise ServerError(f"`lsrv doctor` has failed with code {done.returncode}: {said}") from None


ROUTES = (
    Route("GET", "/v1/system/info", system_info, "The machine and the versions that serve", needs=Needs.ADMIN_KEY),
    Route("POST", "/v1/system/doctor", doctor, "What `lsrv doctor` finds on this machine", needs=Needs.ADMIN_KEY),
)

"""The machine and the versions a measurement was made with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from lsrv.cli.machine.facts import cpu_name, memory_bytes
from lsrv.cores import n_good_cores, read_processor

_PACKAGES = ("lsrv", "llama_cpp_python", "xllamacpp", "litestar", "uvicorn", "msgspec", "numpy")


def describe() -> dict[str, object]:
    """What a reader needs to judge a figure, ready for JSON."""
    return {
        "cpu": cpu_name(),
        "n_cores": n_good_cores(read_processor()),
        "memory_bytes": memory_bytes()[0],
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "commit": _commit(),
        "load_average": round(os.getloadavg()[0], 2),  # before the first server starts: whose noise there is
    }


def headline(machine: dict[str, object]) -> str:
    """The same in lines for people."""
    packages = machine["packages"]
    assert isinstance(packages, dict)
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    return (
        f"{machine['cpu']}, {machine['n_cores']} cores, {machine['platform']}, Python {machine['python']}\n"
        f"{versions}, commit {machine['commit']}; load average before: {machine['load_average']}"
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"

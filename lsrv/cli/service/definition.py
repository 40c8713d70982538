"""What a service manager is told of lsrv: a unit of systemd, a property list of launchd. Pure.

Source: systemd.service(5), systemd.exec(5), launchd.plist(5).
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LABEL = "local.lsrv"
_WATCHDOG_S = 60  # the event loop's own deadlines are far below
_MORE_THAN_DRAIN_S = 15


@dataclass(frozen=True)
class ServiceDefinition:
    """A server to be kept running: `command` in `folder`, with `environ` on top of what services have."""

    command: tuple[str, ...]
    folder: Path
    drain_s: float
    environ: Mapping[str, str]
    log_path: Path  # where launchd writes; systemd has its journal


def systemd_unit(service: ServiceDefinition) -> str:
    """The unit file. The server says when it listens, and that it lives (`notify`)."""
    environ = [f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(service.environ.items())]
    lines = [
        "[Unit]",
        "Description=lsrv, local models on one port",
        "Documentation=man:systemd.service(5)",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={' '.join(_quoted(word) for word in service.command)}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        f"WorkingDirectory={_path(service.folder)}",
        *environ,
        "Restart=on-failure",
        "RestartSec=2",
        f"WatchdogSec={_WATCHDOG_S}",
        f"TimeoutStopSec={round(service.drain_s) + _MORE_THAN_DRAIN_S}",
        "KillMode=mixed",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def launchd_plist(service: ServiceDefinition) -> bytes:
    """The property list of a launch agent, restarted when it fails."""
    described: dict[str, object] = {
        "Label": LABEL,
        "ProgramArguments": list(service.command),
        "WorkingDirectory": str(service.folder),
        "EnvironmentVariables": dict(service.environ),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ExitTimeOut": round(service.drain_s) + _MORE_THAN_DRAIN_S,
        "StandardOutPath": str(service.log_path),
        "StandardErrorPath": str(service.log_path),
    }
    return plistlib.dumps(described)


def serving_command(python: str, config: Path | None, more: Sequence[str] = ()) -> tuple[str, ...]:
    """What runs the server in this very environment."""
    return (python, "-m", "lsrv", "from-config", *([str(config)] if config is not None else []), *more)


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it: specifiers and variables stand for themselves."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$").replace("\n", "\\n")
    return f'"{escaped}"'


def _path(path: Path) -> str:
    """A path that stands alone is taken to the line's end: only specifiers mean something."""
    return str(path).replace("%", "%%")

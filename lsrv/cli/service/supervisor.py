"""Where the definition of lsrv's service lies, and the commands of the service manager that keep it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lsrv.cli.service.definition import LABEL, ServiceDefinition, launchd_plist, systemd_unit
from lsrv.errors import ConfigError, ServerError
from lsrv.home import expanded

_UNIT = "lsrv.service"
_LOG = "~/Library/Logs/lsrv.log"


@dataclass(frozen=True)
class Supervisor:
    """Systemd's manager of this user, or launchd."""

    is_systemd: bool
    path: Path

    @property
    def tool(self) -> str:
        return "systemctl" if self.is_systemd else "launchctl"

    def text(self, service: ServiceDefinition) -> str:
        return systemd_unit(service) if self.is_systemd else launchd_plist(service).decode()

    def install(self, service: ServiceDefinition) -> None:
        """Write the definition, and start the service, now and at each login. Raises ServerError, ConfigError."""
        self.require()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        was_there = self.path.exists()
        self.path.write_text(self.text(service), encoding="utf-8")
        if self.is_systemd:
            self._run("systemctl", "--user", "daemon-reload")
            self._run("systemctl", "--user", "enable", _UNIT)
            self._run("systemctl", "--user", "restart", _UNIT)
            return
        if was_there:
            self._run("launchctl", "bootout", f"{_domain()}/{LABEL}", may_fail=True)
        self._run("launchctl", "bootstrap", _domain(), str(self.path))

    def uninstall(self) -> bool:
        """Stop the service and forget it; whether there was one."""
        if not self.path.exists():
            return False
        self.require()
        if self.is_systemd:
            self._run("systemctl", "--user", "disable", "--now", _UNIT, may_fail=True)
        else:
            self._run("launchctl", "bootout", f"{_domain()}/{LABEL}", may_fail=True)
        self.path.unlink()
        if self.is_systemd:
            self._run("systemctl", "--user", "daemon-reload", may_fail=True)
        return True

    def status(self) -> tuple[bool, str]:
        """Whether it runs, and what its manager says of it."""
        self.require()
        command = ["systemctl", "--user", "status", "--no-pager", "--lines=5", _UNIT]
        done = _done(command if self.is_systemd else ["launchctl", "print", f"{_domain()}/{LABEL}"])
        is_running = done.returncode == 0 and (self.is_systemd or "state = running" in done.stdout)
        return is_running, (done.stdout or done.stderr).strip()

    def logs_command(self, n_lines: int, *, follows: bool) -> list[str]:
        """What prints the last lines that the service wrote."""
        if self.is_systemd:
            follow = ["--follow"] if follows else ["--no-pager"]
            return ["journalctl", "--user", f"--unit={_UNIT}", f"--lines={n_lines}", "--output=cat", *follow]
        return ["tail", "-n", str(n_lines), *(["-f"] if follows else []), str(expanded(_LOG))]

    def require(self) -> None:
        """Raise ConfigError where there is no such manager."""
        if shutil.which(self.tool) is None:
            raise ConfigError(f"{self.tool} is not here, and lsrv keeps no service without it: run `lsrv from-config`")

    def _run(self, *command: str, may_fail: bool = False) -> None:
        done = _done(command)
        if done.returncode and not may_fail:
            said = (done.stderr or done.stdout).strip()
            raise ServerError(f"`{' '.join(command)}` failed: {said or done.returncode}; the definition is {self.path}")


def supervisor() -> Supervisor:
    """That of this system."""
    if sys.platform == "darwin":
        return Supervisor(is_systemd=False, path=expanded(f"~/Library/LaunchAgents/{LABEL}.plist"))
    config = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(config) if config else expanded("~/.config")
    return Supervisor(is_systemd=True, path=folder / "systemd" / "user" / _UNIT)


def launchd_log() -> Path:
    """Where a launch agent's lines go."""
    return expanded(_LOG)


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _done(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)

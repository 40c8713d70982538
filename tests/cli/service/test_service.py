"""What service managers are told, and what a server tells them."""

from __future__ import annotations

import plistlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from lsrv.cli.service.definition import ServiceDefinition, launchd_plist, serving_command, systemd_unit
from lsrv.cli.service.notify import notify, watchdog_s

STRANGE = Path('/tmp/a b%c$d"e/models.toml')


@pytest.fixture
def service() -> ServiceDefinition:
    return ServiceDefinition(
        command=serving_command(sys.executable, STRANGE),
        folder=STRANGE.parent,
        drain_s=30.0,
        environ={"HF_HOME": "/x y/%h"},
        log_path=Path("/tmp/lsrv.log"),
    )


@pytest.fixture
def supervising(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(10)
        yield receiver


def test_the_unit_waits_for_the_server_watches_it_and_gives_it_time_to_drain(service: ServiceDefinition) -> None:
    lines = systemd_unit(service).splitlines()
    assert {"Type=notify", "WatchdogSec=60", "TimeoutStopSec=45", "Restart=on-failure"} <= set(lines)
    assert 'Environment="HF_HOME=/x y/%%h"' in lines
    (command,) = (line for line in lines if line.startswith("ExecStart="))
    assert command.endswith('"from-config" "/tmp/a b%%c$$d\\"e/models.toml"')


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_unit(
    service: ServiceDefinition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    unit = tmp_path / "lsrv.service"
    unit.write_text(systemd_unit(service))
    command = ["systemd-analyze", "verify", "--user", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Failed to initialize manager" in done.stderr:
        pytest.skip("systemd can't run here")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_property_list_says_the_same(service: ServiceDefinition) -> None:
    read = plistlib.loads(launchd_plist(service))
    assert read["ProgramArguments"] == [sys.executable, "-m", "lsrv", "from-config", str(STRANGE)]
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["EnvironmentVariables"] == {"HF_HOME": "/x y/%h"}


def test_a_supervisor_hears_what_is_told_and_nobody_else_does(supervising: socket.socket) -> None:
    assert notify("READY=1", {"NOTIFY_SOCKET": supervising.getsockname()})
    assert supervising.recv(100) == b"READY=1"
    assert not notify("READY=1", {})
    assert notify("READY=1", {"NOTIFY_SOCKET": "/no/such/socket"})  # it is gone, and that is no reason to end


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environ: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_s(environ, pid=7) == interval_s


def test_the_definition_can_be_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "mine.toml"
    path.write_text('[[models]]\nmodel_id = "lsrv-demo"\n')
    result = CliRunner().invoke(cli, ["service", "install", str(path), "--print"])
    assert result.exit_code == 0
    assert str(path) in result.output
    assert not (tmp_path / "systemd").exists()


def test_a_service_that_is_not_installed_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    result = CliRunner().invoke(cli, ["service", "status", "--json"])
    assert result.exit_code == 1
    assert '"is_installed": false' in result.output
    assert "is not installed" in CliRunner().invoke(cli, ["service", "uninstall"]).output

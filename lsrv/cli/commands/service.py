"""`lsrv service install|uninstall|status|logs`: a server that starts at login and is kept running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.display.say import say
from lsrv.cli.options import json_option

if TYPE_CHECKING:
    from lsrv.cli.service.definition import ServiceDefinition

# What a server should see as the shell does that installs it; keys of other programs are not written to a file.
_KEPT_VARIABLES = ("LSRV_CACHE", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE", "CUDA_VISIBLE_DEVICES")


@click.group()
def service() -> None:
    """Keep a server running: a user unit of systemd, or a launch agent of macOS."""


@service.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--print", "is_print", is_flag=True, help="Only print the unit, or the property list.")
def install(file: Path | None, is_print: bool) -> None:
    """Have the server started now and at each login, with FILE (default: the config `lsrv from-config` would take).

    Such as `lsrv service install models.toml`. A changed FILE is taken in by `lsrv reload`.
    """
    from lsrv.cli.service.supervisor import supervisor

    manager, described = supervisor(), _described(file)
    if is_print:
        say(manager.text(described).rstrip("\n"))
        return
    manager.install(described)
    say(f"{manager.path}: installed, and started. `lsrv service status` and `lsrv service logs` tell how it goes.")
    if manager.is_systemd:
        say("It ends when you log out, unless you say once: loginctl enable-linger", err=True)


@service.command()
def uninstall() -> None:
    """Stop the service and forget it. Models and configs stay.

    Such as `lsrv service uninstall`.
    """
    from lsrv.cli.service.supervisor import supervisor

    manager = supervisor()
    say(f"{manager.path}: {'stopped and deleted' if manager.uninstall() else 'is not installed'}")


@service.command()
@json_option
def status(as_json: bool) -> None:
    """Say whether the service runs. Exit 1 if not.

    Such as `lsrv service status --json`.
    """
    from lsrv.cli.service.supervisor import supervisor

    manager = supervisor()
    is_installed = manager.path.exists()
    is_running, text = manager.status() if is_installed else (False, f"{manager.path}: is not installed")
    answer = {"path": str(manager.path), "is_installed": is_installed, "is_running": is_running}
    say(json.dumps(answer, indent=2) if as_json else text)
    if not is_running:
        raise SystemExit(1)


@service.command()
@click.option("-n", "--lines", "n_lines", type=click.IntRange(min=1), default=100, show_default=True, help="How many.")
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on until Ctrl-C.")
def logs(n_lines: int, follows: bool) -> None:
    """Print what the service wrote last.

    Such as `lsrv service logs -f`.
    """
    from lsrv.cli.service.supervisor import supervisor
    from lsrv.errors import ConfigError

    manager = supervisor()
    if not manager.path.exists():
        raise ConfigError(f"{manager.path}: is not installed; `lsrv service install` does it")
    command = manager.logs_command(n_lines, follows=follows)
    try:
        raise SystemExit(subprocess.run(command, check=False).returncode)
    except FileNotFoundError:
        raise ConfigError(f"{command[0]} is not here; it would print the service's lines") from None
    except KeyboardInterrupt:
        raise SystemExit(0) from None


def _described(file: Path | None) -> ServiceDefinition:
    """The service of that config, which must be right: a service that fails fails where nobody looks."""
    from lsrv.cli.service.definition import ServiceDefinition, serving_command
    from lsrv.cli.service.supervisor import launchd_log
    from lsrv.config import load_settings

    loaded = load_settings(file)
    source = loaded.settings.source
    path = source.absolute() if source is not None else None
    return ServiceDefinition(
        command=serving_command(sys.executable, path),
        folder=path.parent if path is not None else Path.home(),
        drain_s=min(loaded.settings.server.drain_timeout_s, 3600.0),
        environ={name: os.environ[name] for name in _KEPT_VARIABLES if os.environ.get(name)},
        log_path=launchd_log(),
    )

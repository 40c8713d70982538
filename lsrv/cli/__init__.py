"""The `lsrv` command: one file per command, which parses, calls and prints. What it needs is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click
import rich_click.rich_click as rich_click_settings

import lsrv
from lsrv.cli.commands.bench import bench
from lsrv.cli.commands.cache import cache
from lsrv.cli.commands.completions import completions
from lsrv.cli.commands.config import config
from lsrv.cli.commands.doctor import doctor
from lsrv.cli.commands.from_config import from_config, multi_model
from lsrv.cli.commands.plan import plan
from lsrv.cli.commands.ps import ps
from lsrv.cli.commands.pull import login, pull
from lsrv.cli.commands.quantize import quantize
from lsrv.cli.commands.rm import rm
from lsrv.cli.commands.run import run
from lsrv.cli.commands.serve import serve, serve_what_is_here
from lsrv.cli.commands.service import service
from lsrv.cli.commands.show import show
from lsrv.cli.commands.tune import tune
from lsrv.cli.commands.verbs import disable, enable, load, logs, reload, status, stop, unload
from lsrv.cli.commands.weights import list_weights
from lsrv.cli.display.drawing import wants_plain
from lsrv.cli.display.say import say
from lsrv.errors import ConfigError, LsrvError
from lsrv.standard_streams import give_up_unread, open_standard_streams

EXIT_FAILED = 1
EXIT_USAGE = 2


# https://no-color.org; None leaves it to click, which colours terminals only.
_COLOR = False if wants_plain() else None
if wants_plain():
    rich_click_settings.COLOR_SYSTEM = None


_COMMANDS = (
    from_config,
    serve,
    run,
    multi_model,
    ps,
    load,
    unload,
    reload,
    enable,
    disable,
    status,
    stop,
    logs,
    bench,
    plan,
    cache,
    pull,
    quantize,
    tune,
    list_weights,
    rm,
    show,
    login,
    config,
    service,
    doctor,
    completions,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "color": _COLOR}, invoke_without_command=True)
@click.command_panel("Serve", commands=["from-config", "serve", "run"])
@click.command_panel(
    "A running server",
    commands=[
        "ps",
        "load",
        "unload",
        "reload",
        "enable",
        "disable",
        "status",
        "plan",
        "cache",
        "logs",
        "bench",
        "stop",
    ],
)
@click.command_panel("Weights", commands=["pull", "tune", "quantize", "list", "show", "rm", "login"])
@click.command_panel("This machine", commands=["config", "service", "doctor", "completions"])
@click.version_option(lsrv.__version__, prog_name="lsrv")
@click.pass_context
def cli(context: click.Context) -> None:
    """Serve several GGUF models from one OpenAI-compatible port.

    `lsrv` alone serves what your models.toml lists; without one, every model that is on this disk already.
    """
    if context.invoked_subcommand is None:
        serve_what_is_here()


for command in _COMMANDS:
    cli.add_command(command)


def _require_current_folder() -> None:
    """Raises ConfigError where it was deleted: every path that is not absolute would be a riddle."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the current folder was deleted; go to one that is there (cd ~), and try again") from None


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage or config."""
    open_standard_streams()
    try:
        _require_current_folder()
        cli(prog_name="lsrv")
    except LsrvError as error:
        say(error.message, err=True)
        sys.exit(EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED)
    except OSError as error:  # of a file: what it is about says which
        say(f"{error.filename or 'the disk'}: {error.strerror or error}; check the path and permissions", err=True)
        sys.exit(EXIT_FAILED)
    finally:
        give_up_unread()

"""`lsrv completions SHELL`: the script that makes a shell complete lsrv's commands and options."""

from __future__ import annotations

import rich_click as click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completions(context: click.Context, shell: str) -> None:
    """Print a completion script, e.g. `lsrv completions bash >> ~/.bashrc`."""
    from click.shell_completion import get_completion_class

    completion_class = get_completion_class(shell)
    assert completion_class is not None  # click has all three
    click.echo(completion_class(context.find_root().command, {}, "lsrv", "_LSRV_COMPLETE").source())

"""How every command prints: what strangers wrote in names and messages must not drive the terminal."""

from __future__ import annotations

import rich_click as click

from lsrv.printable import printable


def say(text: object, *, err: bool = False) -> None:
    """Print lines for people, or JSON; control characters stand as escapes, lines stay lines."""
    click.echo(printable(str(text), keep="\n"), err=err)

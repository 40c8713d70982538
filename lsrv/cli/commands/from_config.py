"""`lsrv from-config`: serve what a models.toml lists. `lsrv multi-model` is its older name."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from lsrv.cli.options import listen_options, yes_option
from lsrv.hangups import hold_hangups


@click.command()
@click.argument("path", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.option("-f", "--file", type=click.Path(path_type=Path), help="The same as FILE behind the command.")
@click.option("--default-model-id", metavar="ID", help="Answers requests that name no model.")
@yes_option
@listen_options
def from_config(
    path: Path | None, file: Path | None, default_model_id: str | None, yes: bool, **listen: object
) -> None:
    """Serve the models that FILE lists. What is not on this machine is fetched or made at first use.

    FILE: by default the models.toml of this folder, then of your config folder, then a built-in demo.
    Such as `lsrv from-config` or `lsrv from-config work.toml -p 8080`.
    """
    if path is not None and file is not None and path != file:
        raise click.UsageError(f"one config at a time: {path} or {file}")
    _serve_file(file or path, default_model_id, yes, listen)


@click.command(hidden=True)
@click.option("--config", "file", type=click.Path(path_type=Path), required=True, help="The models.toml.")
@click.option("--default-model-id", metavar="ID", help="Answers requests that name no model.")
@yes_option
@listen_options
def multi_model(file: Path, default_model_id: str | None, yes: bool, **listen: object) -> None:
    """The same as `lsrv from-config FILE`."""
    _serve_file(file, default_model_id, yes, listen)


def _serve_file(file: Path | None, default_model_id: str | None, yes: bool, listen: dict[str, object]) -> None:
    hold_hangups()
    from lsrv.config import load_settings

    overrides = {"default_model_id": default_model_id, "server": listen, "global": {"any_owner": yes or None}}
    loaded = load_settings(file, overrides=overrides)
    if loaded.settings.command == "run" and loaded.settings.source is not None:
        from lsrv.cli.commands.run import run_config

        run_config(loaded.settings.source, default_model_id)
    source = loaded.settings.source  # found once: a reload reads the same file, whatever lies in this folder then
    from lsrv.cli.start import serve_until_stopped  # late: a wrong config is told before this takes half a second

    serve_until_stopped(loaded, lambda: load_settings(source, overrides=overrides))

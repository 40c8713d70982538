"""`lsrv config check|schema`: what a models.toml says, and what it may say."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from lsrv.cli.display.say import say


@click.group()
def config() -> None:
    """Check a models.toml, or print the schema of one."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
def check(file: Path | None) -> None:
    """Check FILE (default: the one `lsrv from-config` would take) and say what it serves. Loads nothing."""
    from lsrv.cli.display.table import count
    from lsrv.config import load_settings

    loaded = load_settings(file)
    for warning in loaded.warnings:
        say(f"warning: {warning}", err=True)
    names = ", ".join(str(path) for path in loaded.files)
    ids = ", ".join(model.listed_id for model in loaded.settings.models)
    n_models, n_warnings = len(loaded.settings.models), len(loaded.warnings)
    say(f"{names}: {count(n_models, 'model')} ({ids}), {count(n_warnings, 'warning')}")


@config.command()
def schema() -> None:
    """Print the JSON Schema of models.toml, for editors."""
    from lsrv.config import json_schema

    say(json.dumps(json_schema(), indent=2))

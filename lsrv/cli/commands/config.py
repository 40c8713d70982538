"""`lsrv config check|init|import|schema`: what a models.toml says, what it may say, and how to come by one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.display.say import say
from lsrv.cli.options import json_option
from lsrv.errors import ConfigError

if TYPE_CHECKING:
    from lsrv.cli.machine.proposals import Proposal

_OUTPUT_HELP = "Where to write; `-` is stdout."
_force_option = click.option("--force", is_flag=True, help="Write over a file that is there.")


@click.group()
def config() -> None:
    """Check a models.toml, make a first one, or make one of another server's config."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@json_option
def check(file: Path | None, as_json: bool) -> None:
    """Check FILE (default: the one `lsrv from-config` would take) and say what it serves. Loads nothing.

    Such as `lsrv config check work.toml`. Exit 2: something in it is wrong.
    """
    from lsrv.cli.display.table import count
    from lsrv.config import load_settings

    loaded = load_settings(file)
    if as_json:
        files, models = [str(path) for path in loaded.files], [model.listed_id for model in loaded.settings.models]
        say(json.dumps({"files": files, "models": models, "warnings": loaded.warnings}, indent=2))
        return
    for warning in loaded.warnings:
        say(f"warning: {warning}", err=True)
    names = ", ".join(str(path) for path in loaded.files)
    ids = ", ".join(model.listed_id for model in loaded.settings.models)
    n_models, n_warnings = len(loaded.settings.models), len(loaded.warnings)
    say(f"{names}: {count(n_models, 'model')} ({ids}), {count(n_warnings, 'warning')}")


@config.command()
def schema() -> None:
    """Print the JSON Schema of models.toml, for editors.

    Such as `lsrv config schema > models.schema.json`.
    """
    from lsrv.config import json_schema

    say(json.dumps(json_schema(), indent=2))


@config.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("models.toml"), help=_OUTPUT_HELP)
@click.option("-y", "--yes", is_flag=True, help="Take all that is proposed, and ask nothing.")
@click.option("--offline", is_flag=True, help="Propose what is on this disk only.")
@_force_option
def init(output: Path, yes: bool, offline: bool, force: bool) -> None:
    """Look at this machine, propose models that fit with what each will take, and write a first models.toml.

    Such as `lsrv config init`, or `lsrv config init --yes --offline -o -`. Downloads no weights.
    """
    import asyncio

    from lsrv.cli.machine.proposals import first_config

    _require_free(output, force=force)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; say --yes to take all that is proposed")
    say(_machine(), err=True)
    proposals = asyncio.run(_proposals(uses_hub=not offline))
    if not proposals:
        raise ConfigError(
            "nothing was found that fits: no GGUF on this disk"
            + ("" if offline else ", and the Hub can't be reached")
            + "; `lsrv from-config` serves the built-in demo, `lsrv pull OWNER/NAME` gets a model"
        )
    chosen = proposals if yes else _asked(proposals)
    _write(output, first_config(chosen))
    say(f"{output}: {', '.join(each.alias for each in chosen)}. Next: {_next(output)}", err=True)


@config.command(name="import")
@click.argument("source", metavar="FILE|ollama|lmstudio")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("models.toml"), help=_OUTPUT_HELP)
@_force_option
def import_config(source: str, output: Path, force: bool) -> None:
    """Make a models.toml of another server's config, and list what could not be carried over.

    FILE is a Modelfile of Ollama, llama-swap's config.yaml, a preset of llama-server (.ini), a TOML or JSON of
    mistral.rs, or a models.yaml. `ollama` and `lmstudio` take all models that these programs have on this disk.
    Such as `lsrv config import ~/llama-swap/config.yaml -o models.toml`.
    """
    from lsrv.cli.machine.other_servers import import_program, is_program
    from lsrv.config.importing.recognize import import_file
    from lsrv.config.importing.toml_text import toml_text

    path = Path(source).expanduser()
    _require_free(output, force=force)
    imported = import_program(source) if is_program(source) and not path.exists() else import_file(path)
    if not imported.models:
        raise ConfigError("\n".join([f"{imported.source}: holds no model that lsrv can serve", *imported.left]))
    if str(output) != "-":
        imported.placed_from(path.parent, output.parent)
    left = (
        ["", "Not carried over, or not as it was:", *(f"  {each}" for each in imported.left)] if imported.left else []
    )
    _write(output, toml_text(imported.raw, [f"Made by `lsrv config import` of {imported.source}.", *left]))
    for each in imported.left:
        say(f"note: {each}", err=True)
    _tell_written(output, len(imported.models))


def _tell_written(output: Path, n_models: int) -> None:
    from lsrv.cli.display.table import count
    from lsrv.config import load_settings

    if str(output) == "-":
        return
    for warning in load_settings(output, environ={}).warnings:  # an error says what to mend in the file that is there
        say(f"warning: {warning}", err=True)
    say(f"{output}: {count(n_models, 'model')}. Next: {_next(output)}", err=True)


def _next(output: Path) -> str:
    return "lsrv from-config" if output == Path("models.toml") else f"lsrv from-config {output}"


def _require_free(output: Path, *, force: bool) -> None:
    if str(output) != "-" and output.exists() and not force:
        raise ConfigError(f"{output} is there already; name another file with -o, or say --force to write over it")


def _write(output: Path, text: str) -> None:
    if str(output) == "-":
        say(text.rstrip("\n"))
        return
    output.write_text(text, encoding="utf-8")


def _machine() -> str:
    from lsrv.cli.machine import facts
    from lsrv.frontdoor.hub.cache_layout import default_cache
    from lsrv.units import size

    total, available = facts.memory_bytes()
    maker = facts.gpu_maker()
    disk = size(facts.free_disk_bytes(default_cache()))
    gpu = f"a GPU of {maker}" if maker else "no GPU"
    return f"This machine: {facts.cpu_name()}; {size(total)} of RAM, {size(available)} available; {gpu}; {disk} of disk"


async def _proposals(*, uses_hub: bool) -> list[Proposal]:
    from lsrv.cli.machine.proposals import propose
    from lsrv.registry.memory.budget import shown
    from lsrv.units import size

    found: list[Proposal] = []
    async for each in propose(uses_hub=uses_hub):
        found.append(each)
        what = f"{each.model_id}, {each.quantization}, {size(each.size_bytes)}; {each.where}"
        say(
            f"  {len(found)}. {each.alias} ({what})\n"
            f"     takes {shown(each.needed_bytes)} with {each.n_ctx_seq} tokens for each of {each.n_slots} slots",
            err=True,
        )
    return found


def _asked(proposals: list[Proposal]) -> list[Proposal]:
    """What the person at the terminal wants of them, in the order they were named."""
    every = ",".join(str(number + 1) for number in range(len(proposals)))

    def numbers(text: str) -> list[int]:
        wanted = [int(part) for part in text.replace(",", " ").split() if part.isdecimal()]
        if not wanted or not all(0 < number <= len(proposals) for number in wanted):
            raise click.BadParameter(f"write numbers such as {every}")
        return list(dict.fromkeys(wanted))

    chosen: list[int] = click.prompt("Serve which", default=every, value_proc=numbers, err=True)
    return [proposals[number - 1] for number in chosen]

"""What Ollama and LM Studio have on this disk, as entries of a models.toml."""

from __future__ import annotations

import json
from pathlib import Path

from lsrv.cli.machine.proposals import alias_of
from lsrv.config.importing.imported import Imported
from lsrv.config.importing.lm_studio import carry_settings
from lsrv.frontdoor.finding.other_programs import FoundWeights, find_on_disk
from lsrv.home import home

_PROGRAMS = {"ollama": "Ollama", "lmstudio": "LM Studio", "lm-studio": "LM Studio"}
# One JSON per file of a model, below the home of LM Studio.
_LM_STUDIO_SETTINGS = Path(".lmstudio") / ".internal" / "user-concrete-model-default-config"
_OF_MODELFILES = (
    "parameters and system prompts stay with Ollama: `ollama show --modelfile NAME > NAME.modelfile` and "
    "`lsrv config import NAME.modelfile` bring them"
)


def is_program(name: str) -> bool:
    """Whether `name` is a program whose models can be taken over."""
    return name.lower() in _PROGRAMS


def import_program(name: str) -> Imported:
    """Every model of that program, served in place under a name that people would type. Reads the disk."""
    program = _PROGRAMS[name.lower()]
    imported = Imported(program)
    taken: set[str] = set()
    for found in find_on_disk():
        if found.program == program:
            _add(imported, found, taken)
    if program == "Ollama" and imported.models:
        imported.leave("Modelfiles", _OF_MODELFILES)
    return imported


def _add(imported: Imported, found: FoundWeights, taken: set[str]) -> None:
    alias = alias_of(found.model_id)
    if alias in taken:
        alias = f"{alias}-{found.quantization.lower()}"
    while alias in taken:
        alias += "-2"
    taken.add(alias)
    entry: dict[str, object] = {"model_id": found.model_id, "alias": alias}
    if found.program == "LM Studio":
        entry["model_id"] = str(found.path)  # a folder may hold several
        carry_settings(imported, entry, _settings_of(found))
    imported.models.append(entry)


def _settings_of(found: FoundWeights) -> dict[str, object]:
    """What LM Studio keeps of that file; nothing where it keeps nothing."""
    if (user := home()) is None:
        return {}
    publisher, _, name = found.model_id.partition("/")
    path = user / _LM_STUDIO_SETTINGS / publisher / name / f"{found.path.name}.json"
    try:
        read: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): value for key, value in read.items()} if isinstance(read, dict) else {}

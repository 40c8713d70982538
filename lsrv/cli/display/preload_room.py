"""Whether what is to be loaded at the start can all be in memory, as far as files tell before any is loaded. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lsrv.cli.display.banner import Findings
from lsrv.config import Settings
from lsrv.frontdoor import Weights
from lsrv.units import size


def preload_warnings(settings: Settings, findings: Findings, budget_bytes: Mapping[str, int]) -> list[str]:
    """What a person should know of preloads for which there will be no room. `budget_bytes`: by device."""
    preloads = [model for model in settings.models if model.enabled and model.preload and model.has_weights]
    n_most = settings.server.max_loaded_models
    if 0 < n_most < len(preloads):
        return [f"{len(preloads)} entries have preload = true, and max_loaded_models is {n_most}: {_FIRST_USE}"]
    found = [each for model in preloads if isinstance(each := findings.get(model.model_id), Weights)]
    n_bytes, n_there = sum(each.size_bytes for each in found), sum(budget_bytes.values())
    if n_bytes <= n_there:
        return []
    return [
        f"the files of entries with preload = true have {size(n_bytes)}, for {size(n_there)} of memory: {_FIRST_USE}"
    ]


_FIRST_USE = "those that find no room are loaded by their first request, and lsrv ps names them"

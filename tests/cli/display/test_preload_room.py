"""What the banner says of preloads for which there is no room."""

from __future__ import annotations

from dataclasses import replace

from lsrv.cli.display.banner import Finding
from lsrv.cli.display.preload_room import preload_warnings
from lsrv.config import settings_for_models
from lsrv.frontdoor import WeightsSpec, resolve
from tests.models import STORIES

GIB = 2**30


def warnings(n_preloads: int, size_bytes: int, budget_bytes: int, max_loaded_models: int = 0) -> list[str]:
    weights = replace(resolve(WeightsSpec(model_id=str(STORIES))), size_bytes=size_bytes)
    models = [{"model_id": f"m{number}", "preload": number < n_preloads} for number in range(4)]
    overrides = {"server": {"max_loaded_models": max_loaded_models}}
    settings = settings_for_models(models, overrides=overrides, environ={}).settings
    findings: dict[str, Finding] = {model.model_id: weights for model in settings.models}
    return preload_warnings(settings, findings, {"CPU": budget_bytes})


def test_preloads_larger_than_memory_are_told() -> None:
    (warning,) = warnings(3, 2 * GIB, 4 * GIB)
    assert warning.startswith("the files of entries with preload = true have 6.0 GiB, for 4.0 GiB of memory")


def test_more_preloads_than_models_may_be_loaded_are_told() -> None:
    (warning,) = warnings(2, 1, GIB, max_loaded_models=1)
    assert warning.startswith("2 entries have preload = true, and max_loaded_models is 1")


def test_preloads_that_fit_are_not_mentioned() -> None:
    assert warnings(2, GIB, 4 * GIB, max_loaded_models=2) == []

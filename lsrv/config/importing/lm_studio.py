"""LM Studio's settings of one model, as it keeps them per file, in our keys. Source: files of LM Studio 0.3."""

from __future__ import annotations

from typing import cast

from lsrv.config.importing.imported import Imported, put
from lsrv.config.layer import RawTable, as_table, as_tables

_KEYS = {
    "llm.load.contextLength": "context.context_length",
    "llm.load.numParallelSessions": "context.slots",
    "llm.load.llama.evalBatchSize": "context.batch_size",
    "llm.load.llama.cpuThreadPoolSize": "device.threads",
    "llm.prediction.llama.cpuThreads": "device.threads",
    "llm.prediction.temperature": "defaults.temperature",
    "llm.prediction.topKSampling": "defaults.top_k",
    "llm.prediction.topPSampling": "defaults.top_p",
    "llm.prediction.minPSampling": "defaults.min_p",
    "llm.prediction.maxPredictedTokens": "defaults.max_tokens",
    "llm.prediction.stopStrings": "defaults.stop",
    "llm.prediction.systemPrompt": "defaults.system",
}


def carry_settings(imported: Imported, entry: RawTable, settings: RawTable) -> None:
    """Put what LM Studio's JSON says of the model into `entry`, or tell that it has no place."""
    who = str(entry["model_id"])
    for part in ("load", "operation"):
        for field in as_tables(as_table(settings.get(part)).get("fields")):
            key, value = str(field.get("key")), field.get("value")
            if isinstance(value, dict):  # a box that may be ticked, with its value
                ticked = cast("RawTable", value)
                if not ticked.get("checked", True):
                    continue
                value = ticked.get("value")
            if key in _KEYS and isinstance(value, (int, float, str, list)) and value != "":
                put(entry, _KEYS[key], value)
            else:
                imported.leave(f"{who}: {key}", "lsrv has no such setting")

"""Keys that are right by themselves, and have no effect where they stand. Each is a warning, never nothing. Pure.

A rule names a key (dotted, without indices), the entries in which it is idle, and why. Values that are the default
ask for nothing, and are no matter for a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lsrv import demo
from lsrv.config.layer import Layer, RawTable, as_table, as_tables
from lsrv.config.not_yet import find
from lsrv.config.problems import problem

_IsIdle = Callable[[RawTable], bool]


@dataclass(frozen=True)
class _Rule:
    """`is_idle` of an entry (of the whole file for a key above the entries); `harmless` values ask for nothing."""

    key: str
    is_idle: _IsIdle
    why: str
    harmless: tuple[object, ...] = ()


_WRITES_NOTHING = "this kind of entry writes no text"
_NO_GPU = "this build of llama.cpp uses no GPU (`lsrv doctor` says how to get one that does)"
_CPU = "cpu = true computes on the CPU alone"
_NO_PLACES = "requests to an upstream wait only where it has a max_concurrency"
_NO_CACHE = "no entry has response_cache = true"
_OWN_FILE = "model_id is a file or folder of this machine, which has no revisions"


def idle_keys(layer: Layer, *, is_cpu_build: bool) -> list[str]:
    """What to tell of each key of `layer` that changes nothing."""
    rules = _RULES + (_WITHOUT_GPU if is_cpu_build else ())
    return [*(text for rule in rules for text in _told(layer, rule)), *_adapter_revisions(layer)]


def _told(layer: Layer, rule: _Rule) -> Iterator[str]:
    models = layer.models()
    for path, value in find(layer, rule.key):
        owner = models[path[1]] if path[0] == "models" and isinstance(path[1], int) else layer.raw
        if value not in rule.harmless and rule.is_idle(owner):
            yield str(problem(layer, path, f"has no effect: {rule.why}; remove it"))


def _adapter_revisions(layer: Layer) -> Iterator[str]:
    for index, model in enumerate(layer.models()):
        for position, adapter in enumerate(as_tables(model.get("adapters"))):
            if adapter.get("revision") is not None and _is_path(adapter.get("source")):
                path = ("models", index, "adapters", position, "revision")
                yield str(problem(layer, path, "has no effect: source is a file or folder of this machine; remove it"))


def _is_silent(model: RawTable) -> bool:
    return model.get("kind") in ("embedding", "rerank")


def _is_blind(model: RawTable) -> bool:
    return model.get("kind") in ("text", "embedding", "rerank")


def _is_on_cpu(model: RawTable) -> bool:
    return as_table(model.get("device")).get("cpu") is True


def _quantizes_nothing(model: RawTable) -> bool:
    asked = as_table(model.get("quantization"))
    return asked.get("isq") is None and asked.get("quant") in (None, "auto")


def _is_path(name: object) -> bool:
    is_named = isinstance(name, str) and (name.lower().endswith(".gguf") or name.startswith(("/", "./", "../", "~")))
    return is_named or name in demo.MODELS


def _is_of_gguf(model: RawTable) -> bool:
    name = model.get("model_id")
    return (isinstance(name, str) and name.lower().endswith(".gguf")) or name in demo.MODELS


def _has_no_cache(raw: RawTable) -> bool:
    return not any(model.get("response_cache") is True for model in as_tables(raw.get("models")))


def _waits_nowhere(model: RawTable) -> bool:
    return model.get("kind") == "upstream" and not as_table(model.get("upstream")).get("max_concurrency")


def _has(*keys: str) -> _IsIdle:
    return lambda model: any(model.get(key) is not None for key in keys)


def _is_plain(model: RawTable) -> bool:
    return as_table(model.get("format")).get("format") == "plain"


_OF_TEXT = ("temperature", "top_p", "top_k", "min_p", "max_tokens", "stop", "seed", "system")

_RULES: tuple[_Rule, ...] = (
    _Rule("models.chat_template", _is_silent, _WRITES_NOTHING),
    _Rule("models.chat_template_name", _is_silent, _WRITES_NOTHING),
    _Rule("models.jinja_explicit", _is_silent, _WRITES_NOTHING),
    _Rule("models.control_in_text", _is_silent, _WRITES_NOTHING, (False,)),
    *(_Rule(f"models.defaults.{key}", _is_silent, _WRITES_NOTHING) for key in _OF_TEXT),
    _Rule("models.context.context_shift", _is_silent, _WRITES_NOTHING, (False,)),
    _Rule("models.context.prefill_slowdown", _is_silent, _WRITES_NOTHING),
    _Rule("models.chat_template", _has("jinja_explicit"), "jinja_explicit wins over it"),
    _Rule("models.chat_template_name", _has("jinja_explicit", "chat_template"), "a template of its own wins over it"),
    _Rule("models.quantization.imatrix", _quantizes_nothing, 'nothing is quantized here without isq or quant = "…"'),
    _Rule("models.format.format", lambda model: _is_plain(model) and _is_of_gguf(model), "model_id names a GGUF"),
    _Rule("models.format.quantized_file", _is_plain, 'format = "plain" takes safetensors', ([], "")),
    _Rule("models.format.mmproj", _is_blind, 'this kind of entry takes text alone; write kind = "multimodal"'),
    _Rule("models.revision", lambda model: _is_path(model.get("model_id")), _OWN_FILE, ("main",)),
    _Rule("models.preload", lambda model: model.get("enabled") is False, "the entry is switched off", (False,)),
    _Rule("models.queue", _waits_nowhere, _NO_PLACES, (64,)),
    _Rule("models.queue_timeout", _waits_nowhere, _NO_PLACES, (-1, "-1")),
    _Rule("models.device.main_gpu", _is_on_cpu, _CPU, (0,)),
    _Rule("models.device.tensor_split", _is_on_cpu, _CPU, ([], "")),
    _Rule("models.device.split_mode", _is_on_cpu, _CPU, ("layer",)),
    _Rule("server.response_cache_ram", _has_no_cache, _NO_CACHE, ("64MiB",)),
    _Rule("server.response_cache_disk", _has_no_cache, _NO_CACHE, ("1GiB",)),
    _Rule("server.response_cache_age", _has_no_cache, _NO_CACHE, ("30d",)),
)


def _is_local(model: RawTable) -> bool:
    return model.get("kind") != "upstream" and not _is_on_cpu(model)


_WITHOUT_GPU: tuple[_Rule, ...] = (
    _Rule("models.device.gpu_layers", _is_local, _NO_GPU, ("auto", 0)),
    _Rule("models.device.main_gpu", _is_local, _NO_GPU, (0,)),
    _Rule("models.device.tensor_split", _is_local, _NO_GPU, ([], "")),
    _Rule("models.device.split_mode", _is_local, _NO_GPU, ("layer",)),
    _Rule("server.gpu_budget", lambda raw: True, _NO_GPU, ({},)),
)

"""Models as Ollama's clients know them: `/api/tags`, `/api/show`, `/api/ps`. Views to bodies. Pure: time is given.

VS Code offers a model to its agents by `capabilities`, shows `general.basename`, and takes its context from
`<architecture>.context_length`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

from lsrv.api.dialects.fields.timestamp import rfc3339
from lsrv.api.dialects.ollama.wording import tagged
from lsrv.config import ModelSettings
from lsrv.registry import EntryView, ModelFacts, RouteView

_NEVER_S = 100 * 365 * 86400.0
_TOOLS = re.compile(r"\btools\b")
_THINKING = re.compile(r"</?think|enable_thinking|reasoning_content|<\|channel\|>|\bthinking\b")
_encode = msgspec.json.Encoder().encode


class ShowBody(msgspec.Struct):
    """`name` is what older clients call `model`."""

    model: str | None = None
    name: str | None = None


class KnownModel(msgspec.Struct, frozen=True):
    """An entry, with what is known of its weights before they are loaded; None: nothing."""

    view: EntryView
    facts: ModelFacts | None


def tags_body(models: list[KnownModel], routes: list[RouteView]) -> bytes:
    """All that can be asked: entries in config order, each with its adapters, then routes."""
    listed = [item for known in models for item in _listed(known)]
    return _encode({"models": listed + [_listed_route(route) for route in routes]})


def ps_body(models: list[KnownModel], now: float) -> bytes:
    """What is in memory, the last used first."""
    running = [known for known in models if known.view.info is not None]
    running.sort(key=lambda known: known.view.last_used_s_ago or 0.0)
    return _encode({"models": [_running(known, now) for known in running]})


def show_body(known: KnownModel, settings: ModelSettings) -> bytes:
    """All of one entry; its context is the one that it has, or will have."""
    view, facts = known.view, known.facts
    n_ctx = _n_ctx(known, settings)
    return _encode(
        {
            "modelfile": f"FROM {tagged(view.listed_id)}\n",
            "parameters": _parameters(settings, n_ctx),
            "template": (facts.chat_template or "") if facts is not None else "",
            "details": _details(facts),
            "model_info": _model_info(known, n_ctx),
            "capabilities": capabilities(known),
            "modified_at": _modified_at(known),
        }
    )


def show_route_body(route: RouteView) -> bytes:
    """The same of a route, whose models may be of any kind."""
    return _encode(
        {
            "modelfile": f"FROM {tagged(route.model_id)}\n",
            "parameters": "",
            "template": "",
            "details": _details(None),
            "model_info": _unknown(route.model_id),
            "capabilities": ["completion", "tools"],
            "modified_at": rfc3339(route.created),
        }
    )


def capabilities(known: KnownModel) -> list[str]:
    """What the model can do, in Ollama's words: as was found at its load, before that as far as its template tells."""
    view, facts = known.view, known.facts
    found = [name for name in view.capabilities if name != "chat"] or _promised(facts)
    if facts is None or "completion" not in found:
        return found
    template = facts.chat_template or ""
    told = {"tools": view.info is None and _TOOLS.search(template), "thinking": _THINKING.search(template)}
    return list(dict.fromkeys([*found, *(name for name, is_there in told.items() if is_there)]))


def _promised(facts: ModelFacts | None) -> list[str]:
    eyes = ["vision"] if facts is not None and facts.has_projector else []
    return ["completion" if facts is None or facts.kind == "text" else facts.kind, *eyes]


def _listed(known: KnownModel) -> list[dict[str, object]]:
    view = known.view
    size_bytes = known.facts.size_bytes if known.facts is not None else 0
    item: dict[str, object] = {
        "modified_at": _modified_at(known),
        "size": size_bytes,
        "digest": _digest(known),
        "details": _details(known.facts),
        "capabilities": capabilities(known),
    }
    names = [tagged(view.listed_id), *(f"{view.listed_id}:{adapter.name}" for adapter in view.adapters)]
    return [{"name": name, "model": name} | item for name in names]


def _listed_route(route: RouteView) -> dict[str, object]:
    return {
        "name": tagged(route.model_id),
        "model": tagged(route.model_id),
        "modified_at": rfc3339(route.created),
        "size": 0,
        "digest": hashlib.sha256(route.model_id.encode()).hexdigest(),
        "details": _details(None),
        "capabilities": ["completion", "tools"],
    }


def _running(known: KnownModel, now: float) -> dict[str, object]:
    view = known.view
    assert view.info is not None
    by_device = view.info.memory.by_device
    n_bytes = sum(by_device.values())
    return {
        "name": tagged(view.listed_id),
        "model": tagged(view.listed_id),
        "size": n_bytes,
        "digest": _digest(known),
        "details": _details(known.facts),
        "expires_at": rfc3339(now + min(view.expires_in_s, _NEVER_S)),
        "size_vram": n_bytes - by_device.get("CPU", 0),
        "context_length": view.info.n_ctx_seq,
    }


def _details(facts: ModelFacts | None) -> dict[str, object]:
    if facts is None:
        return {
            "parent_model": "",
            "format": "",
            "family": "",
            "families": [],
            "parameter_size": "",
            "quantization_level": "",
        }
    return {
        "parent_model": "",
        "format": "gguf",
        "family": facts.arch,
        "families": [facts.arch],
        "parameter_size": _human_count(facts.n_params),
        "quantization_level": facts.quantization,
    }


def _model_info(known: KnownModel, n_ctx: int) -> dict[str, object]:
    facts = known.facts
    if facts is None:
        return _unknown(known.view.listed_id)
    found: Mapping[str, object] = {
        "general.architecture": facts.arch,
        "general.basename": known.view.listed_id,
        "general.parameter_count": facts.n_params,
        f"{facts.arch}.context_length": n_ctx or None,
        f"{facts.arch}.embedding_length": facts.n_embd or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _unknown(listed_id: str) -> dict[str, object]:
    return {"general.architecture": "unknown", "general.basename": listed_id}


def _n_ctx(known: KnownModel, settings: ModelSettings) -> int:
    """0: nothing is known of it."""
    if known.view.info is not None:
        return known.view.info.n_ctx_seq
    configured = settings.context.context_length
    if configured != "auto":
        return configured
    return known.facts.n_ctx_train if known.facts is not None else 0


def _parameters(settings: ModelSettings, n_ctx: int) -> str:
    """What holds for requests that do not say, as lines of a Modelfile."""
    defaults = settings.defaults
    values: dict[str, object] = {
        "num_ctx": n_ctx or None,
        "num_predict": defaults.max_tokens,
        "temperature": defaults.temperature,
        "top_k": defaults.top_k,
        "top_p": defaults.top_p,
        "min_p": defaults.min_p,
        "seed": defaults.seed,
    }
    lines = [f"{name:<30} {value}" for name, value in values.items() if value is not None]
    lines += [f"{'stop':<30} {_encode(stop).decode()}" for stop in defaults.stop]
    return "\n".join(lines)


def _modified_at(known: KnownModel) -> str:
    return rfc3339(known.view.created if known.facts is None else known.facts.modified_at)


def _digest(known: KnownModel) -> str:
    """A name for these weights on this machine: the file's own digest would take as long as reading all of it."""
    facts = known.facts
    what = [known.view.model_id, facts and facts.size_bytes, facts and facts.modified_at]
    return hashlib.sha256(_encode(what)).hexdigest()


def _human_count(number: int) -> str:
    """7.2B, 134.52M, 260K."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= unit:
            value = number / unit
            return f"{value:.1f}{letter}" if unit == 10**9 else f"{value:.2f}{letter}"
    return str(number)

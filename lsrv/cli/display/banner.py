"""What a person reads when a server starts: where it is, what it serves, what to mend, what to try. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

import lsrv
from lsrv.cli.display.table import columns
from lsrv.config import LoadedSettings, ModelSettings, ServerSettings, Settings
from lsrv.config.route import RouteSettings
from lsrv.errors import LsrvError
from lsrv.frontdoor import Pending, Weights
from lsrv.printable import printable
from lsrv.units import size

Finding = Weights | Pending | LsrvError  # an entry's weights, how it will get them, or why it can't be served
Findings = Mapping[str, Finding]  # by model_id; nothing is looked for where another server answers, or nobody

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_DEFAULT_PORT = 1234
_N_SHOWN_WARNINGS = 20
_N_SHOWN_FOUND = 30
_NOTHING: Mapping[str, str] = MappingProxyType({})


def banner(
    loaded: LoadedSettings,
    findings: Findings,
    default_model_id: str | None,
    urls: Sequence[str],
    *,
    found_in: Mapping[str, str] = _NOTHING,
    notes: Sequence[str] = (),
) -> str:
    """The start banner of a server that listens at `urls`. `found_in`: by model_id, where on this disk it was found."""
    settings = loaded.settings
    url = typeable(urls[0])
    source = f"  ({', '.join(map(str, loaded.files))})" if loaded.files else ""
    example = _example(settings.models, findings, default_model_id)
    parts = [
        f"lsrv {lsrv.__version__} at {url}/v1{source}",
        *notes,
        _served(settings, findings, default_model_id, found_in),
        *_reasons(settings.models, findings),
        *_warnings(loaded.warnings),
        *_reach(settings.server),
        *(["Try it:\n  " + curl(url, *example, has_keys=bool(settings.server.api_keys))] if example else []),
        *([] if settings.server.no_ui else [f"Chat in a browser: {url}"]),
        f"Reference: {url}/docs   Another terminal: lsrv ps{_where(url)}   Stop: Ctrl-C",
    ]
    return "\n\n".join(parts) + "\n"


def typeable(url: str) -> str:
    """`url` as one can type it on this machine: an address for "all addresses" becomes this machine's own."""
    parts = urlsplit(url)
    own = _ANY_ADDRESS.get(parts.hostname or "")
    return url if own is None else f"http://{own}:{parts.port}"


def _where(url: str) -> str:
    """What `lsrv ps` must be told to find the server at `url` from any folder."""
    return "" if urlsplit(url).port == _DEFAULT_PORT and urlsplit(url).hostname in _LOOPBACK else f" --url {url}"


def curl(url: str, model: ModelSettings, finding: Weights | Pending | None, *, has_keys: bool) -> str:
    """A command line that gets an answer from `model`, by the route its weights are made for, as far as is known."""
    header = finding.header if isinstance(finding, Weights) else None
    body: dict[str, object] = {"model": model.listed_id}
    kind = header.kind if header is not None and model.kind == "auto" else model.kind
    if kind == "rerank":
        route, body["query"] = "rerank", "Which port is it?"
        body["documents"] = ["It listens on port 1234.", "Lima is the capital of Peru."]
    elif kind == "embedding":
        route, body["input"] = "embeddings", "Once upon a time"
    elif header is None or header.has_chat_template or model.chat_template or model.jinja_explicit:
        route, body["messages"] = "chat/completions", [{"role": "user", "content": "Tell me a story."}]
    else:
        route, body["prompt"], body["max_tokens"] = "completions", "Once upon a time", 60
    key = ' -H "authorization: Bearer $LSRV_API_KEY"' if has_keys else ""
    data = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl {url}/v1/{route} -H 'content-type: application/json'{key} -d {data}"


def found_note(n_models: int) -> str:
    """What a person should know of models that nobody listed."""
    models = "one model" if n_models == 1 else f"{n_models} models"
    return f"Found {models} on this disk. What comes is served without a restart, what is gone no more."


def nothing_found_note(folders: Sequence[str]) -> str:
    """Why a demo answers, and how to get a model. `folders`: those that were named to look in."""
    where = f"in {', '.join(folders)}" if folders else "on this disk"
    return (
        f"There are no models {where} yet: a small demo answers, to try things out.\n"
        "Get one: lsrv pull Qwen/Qwen3-4B-GGUF --quant 4   It is served as soon as it is here."
    )


def _served(settings: Settings, findings: Findings, default_model_id: str | None, found_in: Mapping[str, str]) -> str:
    models = [model for model in settings.models if model.model_id not in found_in]
    found = [model for model in settings.models if model.model_id in found_in]
    rows = [_row(model, findings.get(model.model_id), model.model_id == default_model_id) for model in models]
    for model in found[:_N_SHOWN_FOUND]:
        mark, listed_id, _, *rest = _row(model, findings.get(model.model_id), model.model_id == default_model_id)
        rows.append([mark, listed_id, printable(f"found: {found_in[model.model_id]}"), *rest])
    if len(found) > _N_SHOWN_FOUND:
        rows.append([" ", f"and {len(found) - _N_SHOWN_FOUND} more", "lsrv list", "", "", ""])
    rows += [_route_row(route, route.model_id == default_model_id) for route in settings.routes]
    table = columns(["", "MODEL", "ALSO", "QUANT", "SIZE", "STATE"], rows)
    return table + ("" if default_model_id is None else "\n* answers when a request names no model")


def _row(model: ModelSettings, finding: Finding | None, is_default: bool) -> list[str]:
    others = ", ".join(name for name in (*model.alias, model.model_id) if name != model.listed_id)
    names = ["*" if is_default else " ", model.listed_id, others]
    if not model.enabled:
        return [*names, "", "", "disabled"]
    if finding is None:
        return [*names, "", "", f"answered by {model.answered_by}" if model.answered_by else ""]
    if isinstance(finding, LsrvError):
        return [*names, "", "", "can't be served yet"]
    if isinstance(finding, Pending):
        quantization = model.quantization
        return [*names, str(quantization.isq or quantization.quant or ""), "", finding.how]
    state = "loads now" if model.preload else "loads on first use"
    return [*names, finding.quantization, size(finding.size_bytes), state]


def _route_row(route: RouteSettings, is_default: bool) -> list[str]:
    leads_to = ", ".join(each.model for each in route.split)
    return ["*" if is_default else " ", route.model_id, "", "", "", f"route to {leads_to}"]


def _reasons(models: Sequence[ModelSettings], findings: Findings) -> list[str]:
    found = ((model.listed_id, findings.get(model.model_id)) for model in models)
    lines = [f"  {listed_id}: {printable(error.message)}" for listed_id, error in found if isinstance(error, LsrvError)]
    return ["Can't be served yet:\n" + "\n".join(lines)] if lines else []


def _warnings(warnings: Sequence[str]) -> list[str]:
    if not warnings:
        return []
    lines = [f"  {warning}" for warning in warnings[:_N_SHOWN_WARNINGS]]
    if len(warnings) > len(lines):
        lines.append(f"  and {len(warnings) - len(lines)} more: lsrv config check")
    return ["Warnings:\n" + "\n".join(lines)]


def _reach(server: ServerSettings) -> list[str]:
    """What keeps other machines out, where the address would let them in."""
    if server.host in _LOOPBACK or server.api_keys or server.insecure:
        return []
    return ["Other machines get 403: set api_keys under [server], or insecure = true to answer everybody."]


def _example(
    models: Sequence[ModelSettings], findings: Findings, default_model_id: str | None
) -> tuple[ModelSettings, Weights | Pending | None] | None:
    """The entry to try: the default if it can be served, else the first that can."""
    enabled = [model for model in models if model.enabled]
    for model in sorted(enabled, key=lambda model: model.model_id != default_model_id):
        finding = findings.get(model.model_id)
        if not isinstance(finding, LsrvError):
            return model, finding
    return None

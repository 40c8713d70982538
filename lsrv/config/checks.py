"""What no single key can tell: names that collide, a default that names nothing, entries that disagree. Pure.

All of it works on raw tables, so that it also speaks when some key has the wrong type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from lsrv.config.layer import KeyPath, Layer, RawTable, as_table, as_tables, names_of
from lsrv.config.problems import Problem, key_text, problem


def find_contradictions(layer: Layer) -> list[Problem]:
    """Everything that is wrong between keys and entries of `layer`."""
    return [
        *_no_models(layer),
        *_taken_names(layer),
        *_taken_adapter_names(layer),
        *_default_names_nothing(layer),
        *_routes(layer),
        *_mixed_cpu(layer),
    ]


def known_names(layer: Layer) -> list[str]:
    """Every model_id and alias, in the order of the entries."""
    return [name for model in layer.models() for name in names_of(model)]


def route_is_whole(layer: Layer, route: RawTable) -> bool:
    """Whether every model that `route` names is an entry of `layer`."""
    targets = _route_targets(layer)
    return all(member in targets for _, member in _members(route))


def _no_models(layer: Layer) -> Iterator[Problem]:
    found = layer.raw.get("models")
    if not found and isinstance(found, (list, type(None))) and not as_table(layer.raw.get("server")).get("discover"):
        yield problem(layer, (), 'no models; add [[models]] with model_id = "…", or discover = true under [server]')


def _taken_names(layer: Layer) -> Iterator[Problem]:
    """Names of two entries. A model_id may stand in several, each with its own quant: the later go by their alias."""
    owners: dict[str, KeyPath] = {}
    for index, model in enumerate(layer.models()):
        path: KeyPath = ("models", index)
        for position, name in enumerate(names_of(model)):
            key: KeyPath = (*path, "alias" if position or "model_id" not in model else "model_id")
            if name not in owners:
                owners[name] = key
                continue
            if key[-1] == "model_id" and len(names_of(model)) > 1:
                continue
            first = owners[name]
            where = "the same entry" if first[:2] == path else f"{key_text(layer, first)} ({layer.place(first)})"
            yield problem(layer, key, f'"{name}" is taken by {where}; choose another name{_hint(key)}')


def _hint(key: KeyPath) -> str:
    return ", or give this entry an alias" if key[-1] == "model_id" else ""


def _taken_adapter_names(layer: Layer) -> Iterator[Problem]:
    """Adapters of one entry that share a name, or whose id is the name of another entry, which would win."""
    entries = set(known_names(layer))
    for index, model in enumerate(layer.models()):
        seen: set[str] = set()
        for position, adapter in enumerate(as_tables(model.get("adapters"))):
            name = adapter.get("name")
            if not isinstance(name, str):
                continue
            path: KeyPath = ("models", index, "adapters", position, "name")
            if name in seen:
                yield problem(layer, path, f'"{name}" is taken by another adapter of this entry; choose another name')
            seen.add(name)
            for hidden in sorted({f"{base}:{name}" for base in names_of(model)} & entries):
                yield problem(layer, path, f'"{hidden}" is the name of another entry; choose another name')


def _default_names_nothing(layer: Layer) -> Iterator[Problem]:
    default, names = layer.raw.get("default_model_id"), [*known_names(layer), *_route_names(layer)]
    if as_table(layer.raw.get("server")).get("discover"):
        return  # it may be the name of what is found
    if isinstance(default, str) and known_names(layer) and default not in names:
        yield problem(layer, ("default_model_id",), f'"{default}" names no model; write one of {", ".join(names)}')


def _routes(layer: Layer) -> Iterator[Problem]:
    """Routes that share a name with something else, or lead to what is no entry. They lead to no routes: no circles."""
    routes, targets = as_tables(layer.raw.get("routes")), _route_targets(layer)
    taken = set(targets)
    far = {name for model in layer.models() if model.get("kind") == "upstream" for name in names_of(model)}
    for index, route in enumerate(routes):
        name = route.get("model_id")
        if isinstance(name, str) and name in taken:
            text = f'"{name}" is taken by another entry or route; choose another name'
            yield problem(layer, ("routes", index, "model_id"), text)
        taken |= {name} if isinstance(name, str) else set()
        for path, member in _members(route):
            if member in targets:
                if path == ("shadow",) and member in far and route.get("shadow_upstreams") is not True:
                    text = f'"{member}" is an upstream, which would get a copy of every request'
                    yield problem(layer, ("routes", index, *path), f"{text}; set shadow_upstreams = true if it shall")
                continue
            is_route = any(other.get("model_id") == member for other in routes)
            text = "is a route, and routes lead to models" if is_route else "names no model"
            mend = f"write one of {', '.join(known_names(layer)) or '(there are none)'}"
            yield problem(layer, ("routes", index, *path), f'"{member}" {text}; {mend}')


def _route_targets(layer: Layer) -> set[str]:
    """Names of entries, and of each with an adapter that it lists."""
    targets = set(known_names(layer))
    for model in layer.models():
        adapters = [adapter.get("name") for adapter in as_tables(model.get("adapters"))]
        targets |= {f"{base}{colons}{name}" for base in names_of(model) for name in adapters for colons in (":", "::")}
    return targets


def _route_names(layer: Layer) -> list[str]:
    return [name for route in as_tables(layer.raw.get("routes")) if isinstance(name := route.get("model_id"), str)]


def _members(route: RawTable) -> Iterator[tuple[KeyPath, str]]:
    for position, each in enumerate(as_tables(route.get("split"))):
        if isinstance(model := each.get("model"), str):
            yield ("split", position, "model"), model
    for key in ("shadow", "fallback"):
        value = route.get(key)
        names = cast("list[object]", value) if isinstance(value, list) else [value]
        yield from (((key,), name) for name in names if isinstance(name, str))


def _mixed_cpu(layer: Layer) -> Iterator[Problem]:
    local = [(index, model) for index, model in enumerate(layer.models()) if model.get("kind") != "upstream"]
    on_cpu = {index: as_table(model.get("device")).get("cpu", False) is True for index, model in local}
    if any(on_cpu.values()) and not all(on_cpu.values()):
        first_on, first_off = (next(index for index in on_cpu if on_cpu[index] is wanted) for wanted in (True, False))
        path: KeyPath = ("models", first_on, "device", "cpu")
        other = key_text(layer, ("models", first_off))
        yield problem(layer, path, f"true here, but not in {other}; it must agree across all entries")

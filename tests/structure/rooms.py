"""Rooms of a package (each file and each sub-folder directly in it): who stands above whom, and who goes in circles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from itertools import count

Graph = Mapping[str, Set[str]]

# The rooms of each large package, the highest first: a room imports none that stands before it.
ORDER = {
    "api": (
        "server app life gate routes mcp reference answers routing admin kept state notes feed metrics limits dialects"
        " http"
    ),
    "registry": (
        "assemble registry discovery found_names life adapter_loading plans preview identity model_facts virtual_models"
        " long_prompts loop upstream endpoints entries loading memory workers names offered_adapters"
    ),
    "frontdoor": "prepare making finding hub store spec gguf disk_errors repository progress",
    "engine": (
        "load embedding engine filling writing prefix speculation slots line sequence scheduler cost adapters shift"
        " turns thoughts scoring grammar logprobs media llama sampling detokenize"
    ),
    "cli": "commands conversation start machine measuring service display client options completing",
}


def room_graph(package: str, imports: Graph) -> dict[str, set[str]]:
    """Which rooms of `package` each of its rooms imports. Its own `__init__` is the door, and no room."""
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for name, targets in imports.items():
        if room := _room(package, name):
            graph[room] |= {each for target in targets if (each := _room(package, target)) and each != room}
    return dict(graph)


def _room(package: str, name: str) -> str:
    return name.removeprefix(f"{package}/").split("/")[0] if name.startswith(f"{package}/") else ""


def circles(graph: Graph) -> list[list[str]]:
    """Every largest group of nodes that all lead to each other, sorted (Tarjan 1972)."""
    numbers, lowest, numbered = dict[str, int](), dict[str, int](), count()
    path: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        numbers[node] = lowest[node] = next(numbered)
        path.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in numbers:
                visit(target)
            if target in path:
                lowest[node] = min(lowest[node], lowest[target])
        if lowest[node] == numbers[node]:
            group = sorted(path[path.index(node) :])
            del path[path.index(node) :]
            found.append(group)

    for node in sorted(graph):
        if node not in numbers:
            visit(node)
    return [group for group in found if len(group) > 1]


def floors(graph: Graph) -> int:
    """Rooms of the longest chain in which each imports the next; those of a circle share one floor."""
    groups = {node: group[0] for group in circles(graph) for node in group}
    heights: dict[str, int] = {}
    below: defaultdict[str, set[str]] = defaultdict(set)
    for node, targets in graph.items():
        below[groups.get(node, node)] |= {groups.get(target, target) for target in targets}

    def height(node: str) -> int:
        if node not in heights:
            heights[node] = 1 + max((height(each) for each in below[node] if each != node), default=0)
        return heights[node]

    return max((height(node) for node in list(below)), default=0)


def upward(graph: Graph, order: str) -> list[str]:
    """Imports against `order` (names of rooms, the highest first), as "low -> high"; other rooms are left out."""
    places = {room: at for at, room in enumerate(order.split())}
    arrows = ((room, target) for room, targets in graph.items() for target in targets)
    known = ((room, target) for room, target in arrows if room in places and target in places)
    return sorted(f"{room} -> {target}" for room, target in known if places[target] < places[room])

"""Which route a request means: a pure look-up by path and method. The gate asks it, once for each request.

There is no second matcher behind it, so that who may ask and who answers can't be two opinions. Litestar's own finds no
`{id}` with slashes in the middle of a path (`/v1/models/OWNER/NAME/plan`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast, get_args

from litestar.types import Scope

from lsrv.api.http.access import Needs
from lsrv.api.http.errors import OPENAI_ERRORS, ErrorShape, MethodNotAllowedError, RouteNotFoundError
from lsrv.api.routing.route import ID, PART, Method, Route
from lsrv.echo import echo

_SLASHES = re.compile("/+")
_KEY = "lsrv_found"


@dataclass(frozen=True, slots=True)
class Resource:
    """What stands at one path.

    `label`: one of a fixed set, whatever clients ask for. `name` and `part`: what they wrote for `{id}` and `{part}`,
    letter by letter.
    """

    path: str
    label: str = "other"
    routes: Mapping[str, Route] = field(default_factory=dict[str, Route])  # by method; none: nothing stands there
    name: str = ""
    part: str = ""

    @property
    def methods(self) -> tuple[str, ...]:
        """What may be asked of it; of nothing everything, so that a web page gets to see its 404."""
        if not self.routes:
            return (*get_args(Method), "HEAD", "OPTIONS")
        return (*self.routes, *(["HEAD"] if "GET" in self.routes else []), "OPTIONS")

    @property
    def errors(self) -> ErrorShape:
        """How whatever goes wrong here is told: all routes of a path belong to one API."""
        return next((route.errors for route in self.routes.values()), OPENAI_ERRORS)

    @property
    def request_id_names(self) -> tuple[bytes, ...]:
        """Headers that carry the id of a request, beside our own."""
        return tuple({route.request_id_name for route in self.routes.values() if route.request_id_name is not None})

    def needs(self, method: str) -> Needs:
        """Who may ask that; also where there is nothing to ask, which is not for everybody to know."""
        route = self.routes.get(method)
        return Needs.KEY if route is None else route.needs

    def route(self, method: str) -> Route:
        """Raises RouteNotFoundError, MethodNotAllowedError."""
        where = f"{method} {echo(self.path)}"
        if not self.routes:
            raise RouteNotFoundError(f"There is no route {where}; GET /docs lists them all.")
        route = self.routes.get(method)
        if route is None:
            raise MethodNotAllowedError(
                f"There is no {where}; it answers {', '.join(self.methods)}.", allow=list(self.methods)
            )
        return route


class RouteTable:
    """All routes of a server. `/v1/models/load` goes before `/v1/models/{id}`, and `…/{id}/plan` before both."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, Resource] = {}
        self._patterns: dict[str, Resource] = {}
        for route in routes:
            for path in route.paths:
                self._add(path, route)
        self._longest_first = sorted(self._patterns.items(), key=lambda item: len(item[0]), reverse=True)

    @property
    def fixed_paths(self) -> tuple[str, ...]:
        """All paths without `{id}`, twins included."""
        return tuple(self._fixed)

    def at(self, path: str) -> Resource:
        """What stands at `path`, as it came over the wire and was unquoted."""
        if (fixed := self._fixed.get(path)) is not None:
            return fixed
        plain = _plain(path)
        if (fixed := self._fixed.get(plain)) is not None:
            return replace(fixed, path=path)
        for pattern, resource in self._longest_first:
            head, _, tail = pattern.partition(ID)
            whole, part = plain, ""
            if tail.endswith(PART):
                tail = tail.removesuffix(f"/{PART}")
                whole, _, part = plain.rpartition("/")
            if len(whole) > len(head) + len(tail) and whole.startswith(head) and whole.endswith(tail):
                written = path.rstrip("/").removesuffix(part).rstrip("/") if part else path
                return replace(resource, path=path, name=_name(written, head, tail), part=part)
        return Resource(path)

    def _add(self, path: str, route: Route) -> None:
        resources = self._patterns if ID in path else self._fixed
        resource = resources.get(path) or Resource(path, route.path)
        resources[path] = replace(resource, routes={**resource.routes, route.method: route})


def _plain(path: str) -> str:
    """Repeated slashes and one at the end mean nothing: who may do a thing must not depend on how it is spelled."""
    return _SLASHES.sub("/", path).rstrip("/") or "/"


def _name(path: str, head: str, tail: str) -> str:
    """What stands for `{id}`: there two slashes are two."""
    last_word = head.rstrip("/").rpartition("/")[2]
    _, _, rest = path.partition(f"/{last_word}/")
    return rest.rstrip("/").removesuffix(tail) if tail else rest


def attach_resource(scope: Scope, resource: Resource) -> None:
    """Let handlers know what was asked for."""
    scope.setdefault("state", {})[_KEY] = resource  # pyright: ignore[reportArgumentType]  # litestar types it as its own


def resource_of(scope: Scope) -> Resource:
    """What the gate found."""
    return cast(Resource, scope["state"][_KEY])

"""Which entries are asked for one request, one after another: routes with their splits and fallbacks, and the default.

The choices are pure functions; `Routing` holds the routes of the settings, and counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from lsrv.config import Settings
from lsrv.config.route import RouteSettings, WeightedModel
from lsrv.errors import (
    ConfigError,
    LsrvError,
    ModelNotFoundError,
    PromptTooLongError,
    RequestError,
    UnsupportedCapabilityError,
    UnsupportedParameterError,
    UpstreamRefusedError,
)
from lsrv.model_id import ModelId
from lsrv.registry.entries.view import EntryView
from lsrv.registry.long_prompts import ContextOf, LongPrompt
from lsrv.registry.names import Names, Target, is_default

_log = logging.getLogger(__name__)

# Errors that another model would give as well: not what only one of them can't do, nor that it has gone.
_EVERYBODYS = (RequestError, ConfigError)
_ONES_OWN = (PromptTooLongError, UnsupportedCapabilityError, UnsupportedParameterError)
_OF_THE_REQUEST = frozenset({400, 405, 415, 422})  # other statuses of an upstream speak of it: no credit, no such model


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a route, and how its requests ended there. `weight`: of the split; None: a fallback.

    `n_fallbacks`: those that came because another had failed.
    """

    model: str
    weight: float | None
    n_answered: int
    n_failed: int
    n_fallbacks: int


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of a route."""

    model_id: str
    members: list[MemberView]
    is_ready: bool  # at least one of them is
    created: int


def share_of(route_id: str, sticky_key: str) -> float:
    """Where requests with that key fall in a split, from 0 to below 1: the same today and on every machine."""
    digest = hashlib.blake2b(f"{route_id}\0{sticky_key}".encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def choose(split: Sequence[WeightedModel], share: float) -> str:
    """The model on which `share` falls, each being as wide as its weight."""
    left = share * sum(each.weight for each in split)
    for each in split:
        left -= each.weight
        if left < 0:
            return each.model
    return split[-1].model


def may_fall_back(error: LsrvError) -> bool:
    """Whether another model might do better: unless the request itself is wrong."""
    if isinstance(error, UpstreamRefusedError):
        return error.fields.get("status") not in _OF_THE_REQUEST
    return not isinstance(error, _EVERYBODYS) or isinstance(error, _ONES_OWN)


NextTarget = Callable[[LsrvError], Awaitable[Target | None]]


async def _nobody(_: LsrvError) -> Target | None:
    return None


class Attempts:
    """Who is asked for one request. `target` is the one to ask now."""

    def __init__(
        self,
        target: Target,
        next_target: NextTarget = _nobody,
        note_end: Callable[[str], None] = lambda end: None,
        shadows: Callable[[], list[tuple[str, str]]] = list,
        listed_id: Callable[[ModelId], str] = str,
    ) -> None:
        self.target = target
        self._shadows = shadows
        self._next_target = next_target
        self._note_end = note_end
        self._listed_id = listed_id
        self._first_error: LsrvError | None = None

    @property
    def shadows(self) -> list[tuple[str, str]]:
        """Who gets a copy of the request: ids of routes, and models of theirs. Not the one who answers it anyway."""
        return self._shadows()

    def answered(self) -> None:
        """Count that `target` has answered."""
        self._note_end("answered")

    def failed(self) -> None:
        """`target` has failed, and it is too late for another one: some of its answer was sent."""
        self._note_end("failed")

    async def go_on(self, error: LsrvError) -> None:
        """`target` has failed before anything of its answer was sent. Raises the first error if nobody is left."""
        self.failed()
        self._first_error = self._first_error or self._with_model(error)
        following = await self._next_target(error)
        if following is None:
            raise self._first_error
        self.target = following

    def _with_model(self, error: LsrvError) -> LsrvError:
        """`error`; one about a prompt's length names the model, which a client that named none can't know."""
        n_tokens, n_ctx = error.fields.get("n_prompt_tokens"), error.fields.get("n_ctx")
        if isinstance(error, PromptTooLongError) and n_tokens is not None:
            name = self._listed_id(self.target.model_id)
            told = f"model '{name}' cannot handle context length {n_tokens} (max: {n_ctx})"
            return PromptTooLongError(f"{error.message}: {told}", param=error.param, **error.fields)
        return error


class Routing:
    """The routes of one server."""

    def __init__(
        self, settings: Settings, names: Names, views: Callable[[], list[EntryView]], context_of: ContextOf
    ) -> None:
        self._names = names
        self._views = views
        self._context_of = context_of
        self._ends: Counter[tuple[str, str, str]] = Counter()  # (route, member, "answered", "failed" or "fell_back")
        self._routes: dict[str, RouteSettings] = {}
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Go by other settings from the next request on."""
        self._routes = {route.model_id: route for route in settings.routes}

    def attempts(self, model: str | None, sticky_key: str | None = None) -> Attempts:
        """Who is asked for `model`. Requests with the same key go to the same model of a split.

        Raises ModelNotFoundError.
        """
        route = self._route_of(model)
        return self._alone(model) if route is None else self._along(route, sticky_key)

    def text_attempts(self, model: str | None, sticky_key: str | None = None) -> Attempts:
        """The same for requests that any generating model can answer: without a name they may go to a longer context.

        Vectors are no such thing: those of another model mean nothing beside the first one's.
        """
        if not is_default(model) or self._names.route(model) is not None:
            return self.attempts(model, sticky_key)
        target = self._names.target(model)
        return Attempts(target, self._for_long_prompt(target), listed_id=self._names.listed_id)

    def _alone(self, model: str | None) -> Attempts:
        return Attempts(self._names.target(model), listed_id=self._names.listed_id)

    def view_all(self) -> list[RouteView]:
        """All routes, in config order."""
        return [self._view(route) for route in self._routes.values()]

    def view(self, model_id: str) -> RouteView | None:
        """One route, or the default if that is one; None if it is none."""
        route = self._route_of(model_id)
        return None if route is None else self._view(route)

    def _route_of(self, model: str | None) -> RouteSettings | None:
        name = self._names.route(model)
        return None if name is None else self._routes[name]

    def _along(self, route: RouteSettings, sticky_key: str | None) -> Attempts:
        share = random.random() if sticky_key is None else share_of(route.model_id, sticky_key)
        first = choose(route.split, share)
        rest = iter(dict.fromkeys((first, *route.fallback)))
        name, target = self._next_there(rest) or (
            first,
            self._names.target(first),
        )  # which tells why, if nobody is there
        names = [name]
        chosen = route.shadow if random.random() < route.shadow_share else ()

        def note_end(end: str) -> None:
            self._ends[route.model_id, names[-1], end] += 1

        async def next_target(error: LsrvError) -> Target | None:
            if not may_fall_back(error) or (following := self._next_there(rest)) is None:
                return None
            name, target = following
            _log.info("fell back", extra={"route": route.model_id, "model_id": name, "reason": error.message})
            names.append(name)
            note_end("fell_back")
            return target

        def shadows() -> list[tuple[str, str]]:
            return [(route.model_id, name) for name in chosen if name != names[-1]]

        return Attempts(target, next_target, note_end, shadows, self._names.listed_id)

    def _next_there(self, names: Iterator[str]) -> tuple[str, Target] | None:
        """The next of a route's models: an adapter may be unloaded, and a reload may have removed any meanwhile."""
        for name in names:
            with contextlib.suppress(ModelNotFoundError):
                return name, self._names.target(name)
        return None

    def _for_long_prompt(self, default: Target) -> NextTarget:
        candidates = LongPrompt(default.model_id, self._views, self._context_of)

        async def next_target(error: LsrvError) -> Target | None:
            following = await candidates.next_model(error)
            return None if following is None else Target(following)

        return next_target

    def _view(self, route: RouteSettings) -> RouteView:
        weights = {each.model: each.weight for each in route.split}
        members = [*weights, *(name for name in route.fallback if name not in weights)]
        there = [each[1].model_id for name in members if (each := self._next_there(iter((name,)))) is not None]
        entries = {view.model_id: view for view in self._views()}
        return RouteView(
            model_id=route.model_id,
            members=[
                MemberView(
                    model=name,
                    weight=weights.get(name),
                    n_answered=self._ends[route.model_id, name, "answered"],
                    n_failed=self._ends[route.model_id, name, "failed"],
                    n_fallbacks=self._ends[route.model_id, name, "fell_back"],
                )
                for name in members
            ],
            is_ready=any(entries[model_id].endpoint_status == "ready" for model_id in there),
            created=min(view.created for view in entries.values()),
        )

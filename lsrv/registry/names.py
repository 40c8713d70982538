"""What clients call models: canonical ids, aliases, the default, and any of them with an adapter. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from lsrv.config import Settings
from lsrv.echo import echo
from lsrv.errors import ModelNotFoundError

_DEFAULT = "default"
_MAX_CHARS = 512  # what a config allows; anything longer would only be searched for colons

AdaptersOf = Callable[[str], Collection[str]]  # canonical model_id -> names of the adapters it offers now


@dataclass(frozen=True, slots=True)
class Target:
    """What a name means: an entry by its canonical id, and the adapter that was named with it."""

    model_id: str
    adapter: str | None = None


class Names:
    """Resolves what a request calls a model. The default is fixed here: unloading it moves nothing."""

    def __init__(self, settings: Settings, adapters_of: AdaptersOf) -> None:
        self._ids = {name: model.model_id for model in settings.models for name in (*model.alias, model.model_id)}
        self._listed = {model.model_id: model.listed_id for model in settings.models}
        self._routes = [route.model_id for route in settings.routes]
        self._adapters_of = adapters_of
        first = settings.models[0].model_id if settings.models and not settings.require_default else None
        named = settings.default_model_id
        self.default_route = named if named in self._routes else None
        self.default_model_id = first if named is None else self._ids.get(named)

    def resolve(self, model: str | None) -> Target:
        """What `model` means: an id, an alias, the default, or one of these, one or two colons and an adapter.

        Raises ModelNotFoundError with the known ids.
        """
        if model in (None, "", _DEFAULT):
            return Target(self._default())
        return self._named(model)

    def choose_default(self, name: str) -> None:
        """Let a route, or the entry of that canonical id, answer requests which name none."""
        is_route = name in self._routes
        self.default_model_id, self.default_route = (None, name) if is_route else (name, None)

    def _named(self, model: str) -> Target:
        if model in self._ids:
            return Target(self._ids[model])
        if model in self._routes:
            raise _is_a_route(model)
        if len(model) > _MAX_CHARS:
            raise self._not_found(model)
        parted = list(self._partings(model))
        for target in parted:
            if target.adapter in self._adapters_of(target.model_id):
                return target
        raise self._no_adapter(parted[0]) if parted else self._not_found(model)

    def listed_id(self, model_id: str) -> str:
        """What an entry is called in listings, by its canonical id."""
        return self._listed[model_id]

    def _partings(self, model: str) -> Iterator[Target]:
        """Every way to read `model` as a known name and an adapter, the shortest name first."""
        at = -1
        while (at := model.find(":", at + 1)) >= 0:
            base, adapter = model[:at], model[at + 1 :].removeprefix(":")
            if not adapter:
                continue
            if base == _DEFAULT and self.default_model_id is not None:
                yield Target(self.default_model_id, adapter)
            elif base in self._ids:
                yield Target(self._ids[base], adapter)

    def _default(self) -> str:
        if self.default_model_id is not None:
            return self.default_model_id
        if self.default_route is not None:
            raise _is_a_route(self.default_route)
        reason = "no models are currently available" if not self._ids else "no model is named and there is no default"
        raise ModelNotFoundError(
            f"{reason}; name one in `model` or set default_model_id", param="model", known=self._known()
        )

    def _not_found(self, model: str) -> ModelNotFoundError:
        known = self._known()
        return ModelNotFoundError(
            f"model '{echo(model)}' not found; known models: {', '.join(known) or 'none'}", param="model", known=known
        )

    def _no_adapter(self, target: Target) -> ModelNotFoundError:
        base = self._listed[target.model_id]
        offered = [f"{base}:{name}" for name in self._adapters_of(target.model_id)]
        return ModelNotFoundError(
            f"model '{base}' has no adapter '{echo(target.adapter or '')}'; it has {', '.join(offered) or 'none'}",
            param="model",
            known=offered,
        )

    def _known(self) -> list[str]:
        """Every id that a client may use, as listed."""
        known: list[str] = []
        for model_id, listed_id in self._listed.items():
            known += [listed_id, *(f"{listed_id}:{name}" for name in self._adapters_of(model_id))]
        return known + self._routes


def _is_a_route(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"'{name}' is a route and no model; name one of its models", param="model")

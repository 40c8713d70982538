"""What clients call models: canonical ids, aliases, the default, and any of them with an adapter. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from lsrv.config import Settings, SettingsChange
from lsrv.echo import echo
from lsrv.errors import ModelNotFoundError
from lsrv.model_id import ModelId

_DEFAULT = "default"
_MAX_CHARS = 512  # what a config allows; anything longer would only be searched for colons

AdaptersOf = Callable[[ModelId], Collection[str]]  # canonical model_id -> names of the adapters it offers now


@dataclass(frozen=True, slots=True)
class Target:
    """What a name means: an entry by its canonical id, and the adapter that was named with it."""

    model_id: ModelId
    adapter: str | None = None


def is_default(model: str | None) -> bool:
    """Whether a request names no model."""
    return model in (None, "", _DEFAULT)


class Names:
    """Resolves what a request calls a model. The default is fixed here: unloading it moves nothing."""

    def __init__(self, settings: Settings, adapters_of: AdaptersOf) -> None:
        self._adapters_of = adapters_of
        self._chosen_default: str | None = None  # by an operator, for this run
        self._lost_default: str | None = None  # was removed, and none has been named since
        self._read(settings)

    def _read(self, settings: Settings) -> None:
        self._ids = {name: model.model_id for model in settings.models for name in (*model.alias, model.model_id)}
        self._listed = {model.model_id: model.listed_id for model in settings.models}
        self._routes = [route.model_id for route in settings.routes]
        first = settings.models[0].model_id if settings.models and not settings.require_default else None
        named = settings.default_model_id
        self._default_route = named if named in self._routes else None
        self._default_model_id = first if named is None else self._ids.get(named)
        self._no_default = "there is no default"

    def configure(self, change: SettingsChange) -> None:
        """Go by new settings. A default that was chosen stays, unless they name another one or have it no more.

        One that is removed leaves none, unless they name one: who meant that model does not mean the next in the list.
        """
        default = self.default_id or self._lost_default
        self._read(change.settings)
        chosen = self._chosen_default
        is_kept = chosen in self._listed or chosen in self._routes
        if chosen is not None and is_kept and "default_model_id" not in change.at_once:
            self._set_default(chosen)
        else:
            self._chosen_default = None
        self._lost_default = None
        is_there = default in self._listed or default in self._routes
        if default is not None and not is_there and change.settings.default_model_id is None:
            self._default_model_id, self._lost_default = None, default
            self._no_default = f"the default '{default}' was removed from the settings"

    @property
    def model_ids(self) -> list[ModelId]:
        """Every entry that clients can name, in config order."""
        return list(self._listed)

    @property
    def default_id(self) -> str | None:
        """What answers requests that name no model: an entry, by its canonical id, or a route."""
        return self._default_model_id or self._default_route

    def target(self, model: str | None) -> Target:
        """What `model` means: an id, an alias, the default, or one of these, one or two colons and an adapter.

        Raises ModelNotFoundError with the known ids.
        """
        if model is None or is_default(model):
            return Target(self._default())
        return self._named(model)

    def resolve(self, model: str | None) -> ModelId:
        """The canonical id of the same. Raises ModelNotFoundError."""
        return self.target(model).model_id

    def first_known(self, spellings: Sequence[str | None]) -> str | None:
        """The first that means an entry or a route; the first of all if none does."""
        return next((each for each in spellings if self._is_known(each)), spellings[0])

    def _is_known(self, model: str | None) -> bool:
        try:
            return self.route(model) is not None or bool(self.target(model))
        except ModelNotFoundError:
            return False

    def route(self, model: str | None) -> str | None:
        """The route that `model` means, the default included; None if it means none."""
        name = self._default_route if is_default(model) else model
        return name if name in self._routes else None

    def choose_default(self, model: str) -> str:
        """Let a route or an entry answer requests that name none, for this run; its canonical id.

        Raises ModelNotFoundError.
        """
        self._chosen_default = chosen = self.route(model) or self.resolve(model)
        self._lost_default = None
        self._set_default(chosen)
        return chosen

    def forget_default(self, settings: Settings) -> str | None:
        """Take the default of `settings` again, whatever an operator chose; its canonical id, or None."""
        self._chosen_default = self._lost_default = None
        self._read(settings)
        return self.default_id

    def _set_default(self, name: str) -> None:
        self._default_model_id = self._ids.get(name)
        self._default_route = name if name in self._routes else None

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

    def listed_id(self, model_id: ModelId) -> str:
        """What an entry is called in listings, by its canonical id; one that is gone by that id."""
        return self._listed.get(model_id, model_id)

    def logged_id(self, model_id: str) -> str:
        """The same for log lines: an entry that was removed meanwhile keeps the id it had."""
        return next((listed for own, listed in self._listed.items() if own == model_id), model_id)

    def _partings(self, model: str) -> Iterator[Target]:
        """Every way to read `model` as a known name and an adapter, the shortest name first."""
        at = -1
        while (at := model.find(":", at + 1)) >= 0:
            base, adapter = model[:at], model[at + 1 :].removeprefix(":")
            if not adapter:
                continue
            if base == _DEFAULT and self._default_model_id is not None:
                yield Target(self._default_model_id, adapter)
            elif base in self._ids:
                yield Target(self._ids[base], adapter)

    def _default(self) -> ModelId:
        if self._default_model_id is not None:
            return self._default_model_id
        if self._default_route is not None:
            raise _is_a_route(self._default_route)
        reason = "there is none" if not self._ids else self._no_default
        raise ModelNotFoundError(
            f"no models are currently available to requests that name none: {reason}; name one in `model`, or set "
            "default_model_id",
            param="model",
            known=self._known(),
        )

    def _not_found(self, model: str) -> ModelNotFoundError:
        known = self._known()
        return ModelNotFoundError(
            f"model '{echo(model)}' not found; known models: {', '.join(known) or 'none'}",
            param="model",
            known=known,
            model=echo(model),
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

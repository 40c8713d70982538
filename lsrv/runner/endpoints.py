"""The models of a Runner as OxiBonsai's registry has them (its `multi_model.rs`): endpoints that are registered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from lsrv.runner.runner_error import RunnerError

Readiness = Literal["ready", "loading", "error", "disabled"]

_READINESS: dict[str, Readiness] = {
    "loaded": "ready",
    "unloaded": "ready",
    "reloading": "loading",
    "disabled": "disabled",
}


@dataclass(frozen=True)
class ModelEndpoint:
    """A model and how it is offered. `base_model` is a Hub id or a path; None: `id` is one."""

    id: str
    base_model: str | None = None
    display_name: str | None = None
    description: str = ""
    adapter: str | None = None  # the source of LoRA weights that apply to every request
    max_context_length: int = 4096
    is_default: bool = False
    status: Readiness = "ready"

    def with_adapter(self, source: str) -> ModelEndpoint:
        return replace(self, adapter=source)

    def with_description(self, description: str) -> ModelEndpoint:
        return replace(self, description=description)

    def with_context_length(self, n_tokens: int) -> ModelEndpoint:
        return replace(self, max_context_length=n_tokens)

    def set_default(self) -> ModelEndpoint:
        return replace(self, is_default=True)


class _Models(Protocol):
    """A Runner, as far as endpoints need it."""

    def add_model(self, which: str, **options: object) -> object: ...
    def replace_model(self, model_id: str, which: str, **options: object) -> None: ...
    def remove_model(self, model_id: str) -> None: ...
    def list_models(self) -> list[str]: ...
    def get_model_status(self, model_id: str) -> str | None: ...
    def get_default_model_id(self) -> str | None: ...
    def set_default_model_id(self, model_id: str) -> None: ...
    def load_model(self, model_id: str | None = None) -> None: ...
    def enable_model(self, model_id: str) -> None: ...
    def disable_model(self, model_id: str) -> None: ...


class ModelEndpoints:
    """Registers, lists and switches endpoints of one Runner."""

    def __init__(self, runner: _Models, registered: dict[str, ModelEndpoint]) -> None:
        self._runner = runner
        self._registered = registered

    def register(self, endpoint: ModelEndpoint) -> None:
        """Serve it; one of the same id is replaced, and with `is_default` it becomes the default."""
        options: dict[str, object] = {"context": {"context_length": endpoint.max_context_length}}
        base = endpoint.base_model or endpoint.id
        if base != endpoint.id:
            options["alias"] = endpoint.id
        if endpoint.adapter is not None:
            options["adapters"] = [{"name": "adapter", "source": endpoint.adapter, "default": True}]
        if endpoint.id in self:
            self._runner.replace_model(endpoint.id, base, **options)
        else:
            self._runner.add_model(base, **options)
        self._registered[endpoint.id] = replace(endpoint, display_name=endpoint.display_name or endpoint.id)
        if endpoint.is_default:
            self._runner.set_default_model_id(endpoint.id)

    def unregister(self, endpoint_id: str) -> ModelEndpoint | None:
        """Serve it no more; it, with its status, or None if there is none. Its aliases and the default go with it."""
        found = self.get(endpoint_id)
        if found is not None:
            self._runner.remove_model(endpoint_id)
            self._registered.pop(found.id, None)
        return found

    def get(self, endpoint_id: str) -> ModelEndpoint | None:
        """The one of that id or alias; None if there is none."""
        status = self._runner.get_model_status(endpoint_id)
        if status is None:
            return None
        known = self._registered.get(endpoint_id, ModelEndpoint(endpoint_id, display_name=endpoint_id))
        return replace(known, status=_READINESS.get(status, "error"), is_default=self._is_default(endpoint_id))

    def set_status(self, endpoint_id: str, status: Readiness) -> bool:
        """Switch it on ("ready"), load it ("loading") or switch it off ("disabled"); False if there is none.

        Raises RunnerError for "error": that is found, not set.
        """
        if self._runner.get_model_status(endpoint_id) is None:
            return False
        if status == "error":
            raise RunnerError(
                '"error" is what a failed load leaves; set "disabled" to keep requests away.', param="status"
            )
        if status == "disabled":
            self._runner.disable_model(endpoint_id)
            return True
        self._runner.enable_model(endpoint_id)
        if status == "loading":
            self._runner.load_model(endpoint_id)
        return True

    def default_endpoint(self) -> ModelEndpoint | None:
        default = self._runner.get_default_model_id()
        return None if default is None else self.get(default)

    def available(self) -> list[ModelEndpoint]:
        """Endpoints that answer, or load when they are asked."""
        return [each for each in self if each.status == "ready"]

    def all(self) -> list[ModelEndpoint]:
        return list(self)

    def __iter__(self) -> Iterator[ModelEndpoint]:
        return (found for name in self._runner.list_models() if (found := self.get(name)) is not None)

    def __len__(self) -> int:
        return len(self._runner.list_models())

    def __contains__(self, endpoint_id: object) -> bool:
        return isinstance(endpoint_id, str) and self._runner.get_model_status(endpoint_id) is not None

    def _is_default(self, endpoint_id: str) -> bool:
        return endpoint_id == self._runner.get_default_model_id()

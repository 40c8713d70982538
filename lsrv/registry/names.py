"""What clients call models: canonical ids, aliases and the default. Pure."""

from __future__ import annotations

from lsrv.config import Settings
from lsrv.errors import ModelNotFoundError

_DEFAULT = "default"


class Names:
    """Resolves what a request calls a model. The default is fixed here: unloading it moves nothing."""

    def __init__(self, settings: Settings) -> None:
        self._ids = {name: model.model_id for model in settings.models for name in (*model.alias, model.model_id)}
        self._listed = [model.listed_id for model in settings.models]
        first = settings.models[0].model_id if settings.models and not settings.require_default else None
        named = settings.default_model_id
        self.default_model_id = first if named is None else self._ids[named]

    def resolve(self, model: str | None) -> str:
        """The canonical model_id of an id, an alias, or the default. Raises ModelNotFoundError with the known ids."""
        if model is not None and model in self._ids:
            return self._ids[model]
        if model not in (None, "", _DEFAULT):
            known = ", ".join(self._listed) or "none"
            raise ModelNotFoundError(
                f"model '{model}' not found; known models: {known}", param="model", known=self._listed
            )
        if self.default_model_id is None:
            reason = (
                "no models are currently available" if not self._ids else "no model is named and there is no default"
            )
            raise ModelNotFoundError(
                f"{reason}; name one in `model` or set default_model_id", param="model", known=self._listed
            )
        return self.default_model_id

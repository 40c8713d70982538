"""mistral.rs's builder of several models, over a Runner."""

from __future__ import annotations

from typing import Self

from lsrv.runner.runner import Runner
from lsrv.runner.runner_error import RunnerError
from lsrv.runner.which import Chosen


class MultiModelBuilder:
    """Gathers models; `build` makes the Runner that serves them, each loaded when it is first asked for."""

    def __init__(self, **options: object) -> None:
        """`options` are a Runner's that belong to no model, such as server={…}."""
        self._options = options
        self._models = list[tuple[Chosen | str, dict[str, object]]]()
        self._default: str | None = None

    def add_model(self, which: Chosen | str, **options: object) -> Self:
        """One more model, with options as `Runner.add_model` takes them."""
        self._models.append((which, options))
        return self

    def add_model_with_alias(self, alias: str, which: Chosen | str, **options: object) -> Self:
        return self.add_model(which, **options, alias=alias)

    def with_default_model(self, model_id: str) -> Self:
        self._default = model_id
        return self

    def build(self) -> Runner:
        """Raises RunnerError without a model, for two of one name, and for a default that none of them is."""
        if not self._models:
            raise RunnerError("A MultiModelBuilder needs a model: add_model(MODEL) before build().", code="no_models")
        runner = Runner(None, **self._options)
        try:
            for which, options in self._models:
                runner.add_model(which, **options)
            if self._default is not None:
                runner.set_default_model_id(self._default)
        except BaseException:
            runner.close()
            raise
        return runner

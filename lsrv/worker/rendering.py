"""The prompts of chats: the model's template, rendered by a child."""

from __future__ import annotations

import time

from lsrv.errors import UnsupportedCapabilityError
from lsrv.protocol.commands import Generate, Tokenize
from lsrv.worker.errands.errand import OpenTemplate, Render
from lsrv.worker.errands.errands import Errands
from lsrv.worker.pending import result_of


class Rendering:
    """Belongs to the engine thread."""

    def __init__(self, errands: Errands, template: OpenTemplate | None) -> None:
        """`template`: None where the model has none. Raises LoadFailedError if it is no valid Jinja."""
        errands.open(template)
        self._errands = errands
        self._has_template = template is not None

    async def prompt(self, command: Generate | Tokenize) -> str:
        """The text of a chat. Raises RequestError with the template's own words if it refuses."""
        assert command.messages is not None
        if not self._has_template:
            raise UnsupportedCapabilityError(
                "this model has no chat template; use /v1/completions, or set chat_template in its models.toml entry",
                param="messages",
            )
        render = Render(command.messages, command.template_kwargs)
        return await result_of(self._errands.add(render, time.monotonic()).text)

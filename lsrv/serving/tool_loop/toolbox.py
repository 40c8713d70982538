"""What the loop needs of tools, whoever runs them."""

from __future__ import annotations

from typing import Protocol

from lsrv.protocol.tool_news import ToolListing, ToolOutput, ToolOwner


class Toolbox(Protocol):
    """The tools that one request may use."""

    @property
    def listings(self) -> list[ToolListing]: ...

    @property
    def tools(self) -> list[dict[str, object]]:
        """Each as OpenAI's chat API writes them, under the name by which models call it."""
        ...

    def owner(self, name: str) -> ToolOwner | None:
        """None: none of these tools is called so."""
        ...

    async def call(self, name: str, arguments: dict[str, object], timeout_s: float) -> ToolOutput:
        """Never raises but for a cancellation: what went wrong is an output, for the model to read."""
        ...

"""The whole config as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from lsrv.config.model import ModelSettings
from lsrv.config.route import RouteSettings
from lsrv.config.server import GlobalSettings, ServerSettings
from lsrv.config.table import Table, as_tuple
from lsrv.config.tools.mcp import McpSettings


class Settings(Table):
    """models.toml with every layer applied. Attributes are the TOML keys; durations are seconds, ending in `_s`."""

    command: Literal["serve", "run"] = Field(default="serve", description="What from-config does with this file.")
    default_model_id: str | None = Field(
        default=None, description="id, alias or route that answers requests naming no model."
    )
    require_default: bool = Field(
        default=False, description="Refuse requests that name no model unless default_model_id is set."
    )
    server: ServerSettings = ServerSettings()
    global_: GlobalSettings = Field(default=GlobalSettings(), alias="global")
    mcp: McpSettings = McpSettings()
    models: Annotated[tuple[ModelSettings, ...], BeforeValidator(as_tuple)] = ()
    routes: Annotated[tuple[RouteSettings, ...], BeforeValidator(as_tuple)] = ()

    _source: Path | None = PrivateAttr(default=None)

    @property
    def source(self) -> Path | None:
        """The file this came from; None if flags alone named the models."""
        return self._source

    def read_from(self, source: Path | None) -> Settings:
        """The same settings, read from `source`."""
        read = self.model_copy()
        read._source = source
        return read


@dataclass(frozen=True)
class LoadedSettings:
    """The settings, what a user should be told, and every file that was read (lowest layer first)."""

    settings: Settings
    warnings: list[str]
    files: list[Path]

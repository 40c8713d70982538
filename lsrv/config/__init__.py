"""models.toml -> typed settings. Every error names file, line or key, and the mend. TOML is known only here."""

from lsrv.config.change import ChangedModel, SettingsChange, plan_change
from lsrv.config.entry.answering import AdapterSettings, DefaultSettings
from lsrv.config.entry.running import ContextSettings, DeviceSettings
from lsrv.config.entry.upstream import UpstreamSettings
from lsrv.config.entry.weights import FormatSettings, QuantizationSettings
from lsrv.config.load import load_settings, settings_for_models
from lsrv.config.model import ModelSettings
from lsrv.config.reading.files import find_config
from lsrv.config.reading.template import read_template, template_path
from lsrv.config.schema import json_schema
from lsrv.config.server import GlobalSettings, ServerSettings
from lsrv.config.settings import LoadedSettings, Settings
from lsrv.config.table import parse_duration
from lsrv.config.tools.mcp import McpServerSettings, McpSettings
from lsrv.config.tools.variables import with_variables

__all__ = [
    "AdapterSettings",
    "ChangedModel",
    "ContextSettings",
    "DefaultSettings",
    "DeviceSettings",
    "FormatSettings",
    "GlobalSettings",
    "LoadedSettings",
    "McpServerSettings",
    "McpSettings",
    "ModelSettings",
    "QuantizationSettings",
    "ServerSettings",
    "Settings",
    "SettingsChange",
    "UpstreamSettings",
    "find_config",
    "json_schema",
    "load_settings",
    "parse_duration",
    "plan_change",
    "read_template",
    "settings_for_models",
    "template_path",
    "with_variables",
]

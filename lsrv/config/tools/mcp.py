"""[mcp] and [[mcp.servers]]: servers of tools that models may use, and whether lsrv is one itself."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lsrv.config.table import Seconds, Strings, Table, as_tuple, checked, shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PREFIX = re.compile(r"[\w.:/-]{0,64}")


def _server_name_problem(name: str) -> str | None:
    if _NAME.fullmatch(name):
        return None
    return f"{shown(name)} can't name a server; write 1 to 64 letters, digits and any of _ - ."


def _prefix_problem(prefix: str | None) -> str | None:
    if prefix is None or _PREFIX.fullmatch(prefix):
        return None
    return f"{shown(prefix)} can't begin the name of a tool; write letters, digits and any of _ - . : /"


def _url_problem(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in ("http", "https") and parts.netloc:
        return None
    return f'{shown(url)} is no address; write one such as "https://example.com/mcp"'


class McpServerSettings(Table):
    """A server of tools: a program that is started (`command`), or an address (`url`).

    `${NAME}` in command, args, env, url and headers is the environment variable of that name.
    """

    name: Annotated[str, AfterValidator(checked(_server_name_problem))] = Field(
        description="What requests and logs call it."
    )
    command: str | None = Field(default=None, description="The program to start; it speaks MCP over stdin and stdout.")
    args: Strings = Field(default=(), repr=False, description="Its arguments.")
    env: dict[str, str] = Field(
        default={}, repr=False, description='Its environment beside PATH, HOME and the like: { TOKEN = "${MY_TOKEN}" }.'
    )
    cwd: str | None = Field(default=None, description="The folder it starts in.")
    url: Annotated[str | None, AfterValidator(checked(_url_problem))] = Field(
        default=None, repr=False, description="Where a server listens that speaks MCP over HTTP (streamable HTTP)."
    )
    headers: dict[str, str] = Field(
        default={}, repr=False, description='What it gets with every request: { Authorization = "Bearer ${TOKEN}" }.'
    )
    prefix: Annotated[str | None, AfterValidator(checked(_prefix_problem))] = Field(
        default=None, description='What the names of its tools begin with; "" for nothing, unset for its name and "_".'
    )
    allowed_tools: Strings = Field(default=(), description="The tools that models may use; without it all of them.")
    tool_timeout_s: Seconds = Field(default=60.0, alias="tool_timeout", description="The longest that one call takes.")
    enabled: bool = Field(default=True, description="Whether it is used at all.")

    @model_validator(mode="after")
    def _has_one_way(self) -> McpServerSettings:
        if (self.command is None) == (self.url is None):
            raise ValueError("a server has either command, a program to start, or url, an address; write one of them")
        return self

    @property
    def tool_prefix(self) -> str:
        return f"{self.name}_" if self.prefix is None else self.prefix


def _names_problem(servers: tuple[McpServerSettings, ...]) -> str | None:
    names = [server.name for server in servers]
    twice = next((name for name in names if names.count(name) > 1), None)
    return None if twice is None else f"two servers are called {shown(twice)}; give each its own name"


class McpSettings(Table):
    """Tools of MCP servers for models, and models as tools for MCP clients (/mcp)."""

    servers: Annotated[
        tuple[McpServerSettings, ...], BeforeValidator(as_tuple), AfterValidator(checked(_names_problem))
    ] = ()
    config_file: str | None = Field(
        default=None, description='A JSON file with more servers: {"mcpServers": {NAME: {…}}}, or as mistral.rs has it.'
    )
    offer: bool = Field(default=False, description="Offer all tools to requests that do not say `mcp` themselves.")
    max_rounds: int = Field(
        default=8, ge=1, le=256, description="How often one request may use tools before it has to answer."
    )
    time_limit_s: Seconds = Field(
        default=300.0, alias="time_limit", description="The longest that one request may go on using tools."
    )
    serve: bool = Field(default=True, description="Whether /mcp offers the models to MCP clients.")

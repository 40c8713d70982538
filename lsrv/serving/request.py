"""What a client asks a model for, in nobody's dialect: a command for each choice, and how to serve them."""

from __future__ import annotations

import msgspec

from lsrv.protocol.commands import Generate
from lsrv.serving.adapters import AppliedAdapters

RANDOM_SEED = -1  # in a command's sampling: another seed each time, whatever the entry or the server says


class WantedServer(msgspec.Struct, frozen=True):
    """One server of tools. `tools`: those of it, by its own names; None: all. `param`: the field that names it."""

    name: str
    tools: tuple[str, ...] | None = None
    param: str = "mcp"


class ServerTools(msgspec.Struct, frozen=True, kw_only=True):
    """Tools of the operator's own servers that an answer may use, beside those of the client.

    `servers` None: all. `is_required`: the first thing is a call. `max_rounds` None: as the settings say.
    """

    servers: tuple[WantedServer, ...] | None = None
    is_required: bool = False
    max_rounds: int | None = None


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One client call in internal terms: a command per choice."""

    model: str | None
    commands: list[Generate]
    n_choices: int  # per prompt; commands[i] is choice i % n_choices of prompt i // n_choices
    is_streaming: bool
    adapters: AppliedAdapters = AppliedAdapters()
    uses_response_cache: bool = True
    keep_alive_s: float | None = None  # None: as the settings say
    priority: int | None = None  # None: the entry's
    server_tools: ServerTools | bool | None = None  # True: all; None: as the settings say

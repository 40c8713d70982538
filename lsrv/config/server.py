"""[server] and [global]: what all models share."""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from lsrv.config.table import Bytes, Seconds, Strings, Table, as_strings, checked, shown
from lsrv.units import parse_size

_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s*]+")
_PERCENT = re.compile(r"\d+(\.\d+)?%")
_TOKEN_SOURCE = re.compile(r"cache|none|(env|path|literal):.+", re.DOTALL)


def _host_problem(host: str) -> str | None:
    if _is_address(host) or _HOST_NAME.fullmatch(host):
        return None
    return f'{shown(host)} is not a host; write an address or a name alone, such as "127.0.0.1" (the port is `port`)'


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _keys_problem(keys: tuple[str, ...]) -> str | None:
    if all(key.strip() == key and key.isascii() and key.isprintable() and key for key in keys):
        return None
    return "a key is empty, begins or ends with a blank, or is not plain ASCII; write visible characters only"


def _origins_problem(origins: tuple[str, ...]) -> str | None:
    wrong = [origin for origin in origins if not _ORIGIN.fullmatch(origin)]
    return (
        f'{shown(wrong[0])} is not an origin; write scheme and host, such as "http://localhost:3000"' if wrong else None
    )


def _allowed_hosts_problem(hosts: tuple[str, ...]) -> str | None:
    wrong = [host for host in hosts if _host_problem(host)]
    return f"{shown(wrong[0])} is not a host name; write it without scheme and port" if wrong else None


def _token_source_problem(source: str) -> str | None:
    if _TOKEN_SOURCE.fullmatch(source):
        return None
    return (
        "not a token source; write cache, none, env:NAME, path:FILE or literal:TOKEN"  # never echoed: it may be a token
    )


def _budget_problem(budget: str) -> str | None:
    if budget == "auto" or (_PERCENT.fullmatch(budget) and 0 < float(budget[:-1]) <= 100):
        return None
    try:
        parse_size(budget)
    except ValueError:
        return f'{shown(budget)} is no amount of memory; write "auto", a size such as "12GiB" or a share such as "75%"'
    return None


_OLLAMA_PORT = 11434
PROGRAMS = "programs"  # among folders: where other programs keep models


def _port_or_switch(value: object) -> object:
    """`true` is where Ollama's clients look first, `false` is nowhere."""
    return (_OLLAMA_PORT if value else None) if isinstance(value, bool) else value


OllamaPort = Annotated[
    Annotated[int, Field(ge=0, le=65535)] | None,
    BeforeValidator(_port_or_switch),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 65535}]}),
]


def _folders_or_switch(value: object) -> object:
    return value if isinstance(value, bool) else as_strings(value)


SwitchOrFolders = Annotated[
    bool | tuple[str, ...],
    BeforeValidator(_folders_or_switch),
    WithJsonSchema(
        {"anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    ),
]
BudgetText = Annotated[str, AfterValidator(checked(_budget_problem))]
Keys = Annotated[Strings, AfterValidator(checked(_keys_problem))]


class ServerSettings(Table):
    """The port, who may use it, and how workers come and go."""

    host: Annotated[str, AfterValidator(checked(_host_problem))] = Field(
        default="localhost",
        description='Address to listen on; "localhost" is 127.0.0.1 and ::1. Other machines get 403 until there are '
        "api_keys.",
    )
    port: int = Field(default=1234, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    ollama_port: OllamaPort = Field(
        default=None, description="Another port to listen on, for Ollama's clients: true means theirs, 11434."
    )
    insecure: bool = Field(default=False, description="Answer other machines without any key.")
    api_keys: Keys = Field(default=(), repr=False, description="Keys that clients must send, one of them.")
    api_keys_env: str | None = Field(
        default=None, description="Environment variable that holds api_keys, separated by commas."
    )
    admin_keys: Keys = Field(default=(), repr=False, description="Keys for /v1/models/* verbs and /admin/*.")
    requests_per_minute: int = Field(
        default=0, ge=0, description="Requests of one key in a minute, of one address where no key is needed; 0: any."
    )
    tokens_per_minute: int = Field(
        default=0, ge=0, description="Tokens of one key in a minute, prompts and answers together; 0: any number."
    )
    request_timeout_s: Seconds = Field(
        default=math.inf, gt=0, alias="request_timeout", description='Longest time of an answer in all; "-1": any.'
    )
    cors_origins: Annotated[Strings, AfterValidator(checked(_origins_problem))] = Field(
        default=(), description="Web pages' origins that may call from a browser, exactly as the browser sends them."
    )
    allowed_hosts: Annotated[Strings, AfterValidator(checked(_allowed_hosts_problem))] = Field(
        default=(), description="Host names accepted beside localhost and the bind address."
    )
    max_body_bytes: int = Field(
        default=10 * 1024 * 1024, ge=1024, le=1024**3, description="Longest request body, in bytes; above it: 413."
    )
    cache_disk_bytes: Bytes = Field(
        default=4 * 1024**3,
        alias="cache_disk",
        description='Disk for prompts of unloaded models, such as "4GiB", all models together; 0: they are forgotten, '
        "and what earlier runs left there is deleted at the start.",
    )
    response_cache_ram_bytes: Bytes = Field(
        default=64 * 1024**2,
        alias="response_cache_ram",
        description="RAM for kept answers of models with response_cache, all together; 0: on disk only.",
    )
    response_cache_disk_bytes: Bytes = Field(
        default=1024**3,
        alias="response_cache_disk",
        description="Disk for the same, which survives restarts; 0: in RAM only, and what earlier runs left there is "
        "deleted at the start.",
    )
    response_cache_age_s: Seconds = Field(
        default=30 * 86400.0, alias="response_cache_age", description='Older answers are made anew; "-1": never.'
    )
    response_cache_ram_age_s: Seconds = Field(
        default=math.inf,
        alias="response_cache_ram_age",
        description='Older ones are looked up on disk again, if they may be that old; "-1": as old as any.',
    )
    response_store_disk_bytes: Bytes = Field(
        default=1024**3,
        alias="response_store",
        description="Disk for responses that clients of /v1/responses can come back to, the oldest of which give way; "
        "0: none is kept, and what earlier runs left there is deleted at the start.",
    )
    response_store_age_s: Seconds = Field(
        default=30 * 86400.0, alias="response_store_age", description='Older ones are forgotten; "-1": never.'
    )
    memory_budget: BudgetText = Field(
        default="auto",
        description='RAM for models: "auto" (what others leave), "12GiB" or "75%"; idle ones are unloaded for it.',
    )
    gpu_budget: dict[str, BudgetText] = Field(
        default={}, description='The same per GPU, by the names of `lsrv doctor`: { CUDA0 = "20GiB" }.'
    )
    max_loaded_models: int = Field(default=0, ge=0, description="Models in memory at once; 0: only the budget decides.")
    keep_alive_s: Seconds = Field(
        default=600.0, alias="keep_alive", description='Idle time before a model is unloaded; "-1" never, "0" at once.'
    )
    swap_patience_s: Seconds = Field(
        default=10.0, alias="swap_patience", description="Longest wait of another model's requests before a swap."
    )
    drain_timeout_s: Seconds = Field(
        default=30.0, alias="drain_timeout", description="How long running requests may go on at unload and shutdown."
    )
    adapter_folder: str | None = Field(
        default=None,
        description="Folder of GGUFs that may be loaded as adapters over HTTP; without it none may.",
    )
    ready: Literal["all", "any"] = Field(
        default="all", description="/readyz wants every preload loaded, or one of them at least."
    )
    flat_errors: bool = Field(
        default=False, description="Errors in OpenAI's words say `message` and `detail` beside `error`, too."
    )
    spare_workers: int = Field(
        default=1, ge=0, le=16, description="Processes kept warm without a model, so that a load starts at once."
    )
    no_ui: bool = Field(default=False, description="Do not serve the chat page.")
    access_log_format: Literal["text", "json"] = Field(default="text", description="Format of log lines.")
    discover: SwitchOrFolders = Field(
        default=False,
        description="Serve the GGUFs that are found, too: true where Ollama, LM Studio, llama.cpp and the Hugging Face "
        'cache keep them; or a list of folders, among which "programs" stands for these.',
    )
    catalog: Strings = Field(default=(), description="More files of this kind, merged below this one.")

    @property
    def discovers_in_programs(self) -> bool:
        """Whether the stores of other programs are searched for models."""
        return self.discover is True or (not isinstance(self.discover, bool) and PROGRAMS in self.discover)

    @property
    def discovered_folders(self) -> tuple[str, ...]:
        """Folders that are searched for models, as absolute paths."""
        return () if isinstance(self.discover, bool) else tuple(each for each in self.discover if each != PROGRAMS)


class GlobalSettings(Table):
    """What concerns every model and no port."""

    seed: int | None = Field(default=None, ge=0, le=2**32 - 1, description="Seed of requests that bring none.")
    token_source: Annotated[str, AfterValidator(checked(_token_source_problem))] = Field(
        default="cache",
        repr=False,
        description="Where the Hugging Face token comes from: cache, none, env:NAME, path:FILE or literal:TOKEN.",
    )
    offline: bool = Field(
        default=False, description="Never use the network for weights; what is missing then fails the start."
    )
    any_owner: bool = Field(
        default=False, description="Take GGUFs of anybody; else of the model's owner and of well-known ones only."
    )

"""One [[models]] entry."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from lsrv.config.entry.answering import AdapterSettings, DefaultSettings
from lsrv.config.entry.running import ContextSettings, DeviceSettings, SpeculativeSettings
from lsrv.config.entry.upstream import UpstreamSettings
from lsrv.config.entry.weights import FormatSettings, QuantizationSettings
from lsrv.config.layer import as_table
from lsrv.config.table import CanonicalName, OtherNames, Seconds, Table, as_tuple, shown

_POOLINGS = {"text": (), "embedding": ("none", "mean", "cls", "last"), "rerank": ("rank",)}  # of a kind

_UNSAID = {"enabled": True, "preload": False}
_MODES = {"off": {"enabled": False}, "lazy": _UNSAID, "eager": {"enabled": True, "preload": True}}

# What only an entry that is loaded here can mean. An upstream's limit stands in its own table.
_LOCAL_KEYS = frozenset(
    {"revision", "chat_template", "chat_template_name", "jinja_explicit", "preload", "pinned", "priority"}
    | {"keep_alive_s", "max_concurrency", "format", "quantization", "device", "context", "speculative", "adapters"}
    | {"control_in_text"}
)


class ModelSettings(Table):
    """One entry: what a client asks for, and how it is loaded and served."""

    model_id: CanonicalName = Field(
        description="Hub id, or path of a GGUF or of a folder with GGUFs; the canonical id."
    )
    alias: OtherNames = Field(default=(), description="Other names; the first one is listed.")
    kind: Literal["auto", "text", "embedding", "rerank", "multimodal", "speech", "upstream", "handler"] = Field(
        default="auto", description="What the model does; auto reads it from the file."
    )
    display_name: str = Field(default="", max_length=200, description="What people read in lists; else its id.")
    description: str = Field(default="", max_length=2000, description="What it is good for, in lists.")
    mode: Literal["off", "lazy", "eager"] | None = Field(
        default=None,
        description="One word for enabled and preload: off (disabled), lazy (at first use), eager (at start).",
    )
    enabled: bool = Field(default=True, description="false: listed, never loaded; requests for it are refused (409).")
    revision: str = Field(default="main", min_length=1, description="Branch, tag or commit on the Hub.")
    chat_template: str | None = Field(default=None, description="Jinja file that replaces the model's own template.")
    chat_template_name: str | None = Field(default=None, description="A template of the GGUF, or built in: chatml.")
    jinja_explicit: str | None = Field(default=None, description="Like chat_template, and wins over it.")
    control_in_text: bool = Field(default=False, description="Control tokens that chats spell out are those tokens.")
    preload: bool = Field(default=False, description="Load at start instead of at the first request.")
    pinned: bool = Field(default=False, description="Never evicted; keep_alive counts all the same.")
    priority: int = Field(default=0, description="Evicted later than lower ones.")
    keep_alive_s: Seconds = Field(
        default=600.0, alias="keep_alive", description="Idle time before unload; without it the server's."
    )
    max_concurrency: int = Field(default=0, ge=0, description="Requests in the worker at once; 0: as many as slots.")
    queue: int = Field(default=64, ge=0, description="Requests that may wait; above: 429.")
    queue_timeout_s: Seconds = Field(
        default=math.inf,
        gt=0,
        alias="queue_timeout",
        description='Longest wait for a place, loads not counted; then 429. "-1": any.',
    )
    response_cache: bool = Field(
        default=False, description="Keep answers, and give them again where the same request would get the same one."
    )
    format: FormatSettings = FormatSettings()
    quantization: QuantizationSettings = QuantizationSettings()
    device: DeviceSettings = DeviceSettings()
    context: ContextSettings = ContextSettings()
    speculative: SpeculativeSettings = SpeculativeSettings()
    defaults: DefaultSettings = DefaultSettings()
    adapters: Annotated[tuple[AdapterSettings, ...], BeforeValidator(as_tuple)] = ()
    upstream: UpstreamSettings | None = None

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _weights_id: str | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _by_mode(cls, value: object) -> object:
        """`mode` sets enabled and preload; whoever says both must mean the same."""
        raw = as_table(value)
        mode = raw.get("mode")
        meant = _MODES.get(mode) if isinstance(mode, str) else None
        if meant is None:
            return value
        for key, wanted in meant.items():
            if raw.get(key, wanted) is not wanted:
                raise ValueError(f'mode = "{mode}" and {key} = {shown(raw[key])} contradict each other; keep one')
        return {**raw, **{key: wanted for key, wanted in meant.items() if wanted is not _UNSAID[key]}}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.quantization.quant and self.quantization.isq:
            raise ValueError("quantization.quant takes a ready file, isq makes one; keep one of them")
        if self.quantization.quant and self.format.quantized_file:
            raise ValueError("quantization.quant and format.quantized_file both choose the file; keep one of them")
        pooling = self.context.pooling
        if pooling not in ("auto", *_POOLINGS.get(self.kind, (pooling,))):
            raise ValueError(
                f'kind = "{self.kind}" and context.pooling = "{pooling}" contradict each other; remove one'
            )
        if self.speculative.mode == "draft" and self.context.context_shift:
            raise ValueError(
                'a draft model can\'t follow context_shift; remove one, or set speculative.mode = "lookup"'
            )
        if self.speculative.mode != "off" and self.kind not in ("auto", "text", "multimodal"):
            raise ValueError(f'speculation guesses text, and kind = "{self.kind}" writes none; remove it')
        if self.adapters and self.kind not in ("auto", "text", "multimodal"):
            raise ValueError(f'adapters change what a model writes, and kind = "{self.kind}" does not; remove them')
        if (self.kind == "upstream") != (self.upstream is not None):
            raise ValueError(
                'kind = "upstream" and [models.upstream] need each other; add the one, or remove the other'
            )
        if self.upstream is not None and (idle := self.model_fields_set & _LOCAL_KEYS):
            names = ", ".join(sorted(name.removesuffix("_s") for name in idle))
            raise ValueError(f"an upstream loads nothing on this machine; remove {names}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every name a client may use, the canonical one first."""
        return (self.model_id, *self.alias)

    @property
    def listed_id(self) -> str:
        """The name in /v1/models: the first alias, else the model_id."""
        return self.alias[0] if self.alias else self.model_id

    @property
    def has_weights(self) -> bool:
        """Whether it is served from weights on this machine."""
        return self.upstream is None

    @property
    def answered_by(self) -> str:
        """Who serves it instead; "" if nobody else does."""
        return self.upstream.base_url if self.upstream is not None else ""

    @property
    def folder(self) -> Path:
        """Where a relative path in `model_id` starts: beside the file that names it; a flag's: the current folder."""
        return self._folder

    @property
    def weights_id(self) -> str:
        """What the weights are called: the model_id as it was written."""
        return self._weights_id or self.model_id

    @property
    def takes_projector(self) -> bool:
        """Whether it sees or hears where there is something to do that with."""
        return self.kind in ("auto", "multimodal")

    @property
    def needs_projector(self) -> bool:
        """Whether it is of no use without."""
        return self.kind == "multimodal" or self.format.mmproj is not None

    def named_apart(self) -> ModelSettings:
        """The same entry under its alias, for another one has its model_id already."""
        apart = self.model_copy(update={"model_id": self.alias[0], "alias": self.alias[1:]})
        apart._weights_id = self.weights_id
        return apart

    def placed_in(self, folder: Path) -> ModelSettings:
        """The same entry, written in `folder`."""
        placed = self.model_copy()
        placed._folder = folder
        return placed

"""One [[models]] entry and its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)

from lsrv.config.table import (
    BYTES_SCHEMA,
    CanonicalName,
    Name,
    OtherNames,
    Seconds,
    Strings,
    Table,
    as_tuple,
    checked,
    on_off,
    parse_bytes,
    shown,
    split_files,
)
from lsrv.config.upstream import UpstreamSettings
from lsrv.priority import MAX_PRIORITY
from lsrv.quantization import AUTO, AutoQuant, Quant, parse_quant

ADAPTER_WEIGHT_MAX = 100.0
_N_THREADS_MAX = 512  # GGML_MAX_N_THREADS
_N_SLOTS_MAX = 256  # LLAMA_MAX_SEQ
_SEED_MAX = 2**32 - 1
_N_STOP_MAX, _STOP_BYTES_MAX = 16, 256

_POOLINGS = {"text": (), "embedding": ("none", "mean", "cls", "last"), "rerank": ("rank",)}  # of a kind

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"]
_FLOAT_CACHE_TYPES = ("f32", "f16", "bf16")

# What only an entry that is loaded here can mean. An upstream's limit stands in its own table.
_LOCAL_KEYS = frozenset(
    {"revision", "chat_template", "chat_template_name", "jinja_explicit", "preload", "pinned", "priority"}
    | {"keep_alive_s", "max_concurrency", "format", "quantization", "device", "context", "speculative", "adapters"}
    | {"control_in_text"}
)


def _adapter_name_problem(name: str) -> str | None:
    return f'{shown(name)} begins with ":", which parts it from its entry; leave that out' if name[:1] == ":" else None


def _quant(value: object) -> Quant:
    """Raises ValueError with what to write instead."""
    if not isinstance(value, str):
        raise ValueError("not a string; put quotes around it")
    return parse_quant(value)


def _quant_or_auto(value: object) -> Quant | AutoQuant:
    return AUTO if value == AUTO else _quant(value)


def _made_quant(value: object) -> Quant:
    if value == AUTO:
        raise ValueError('isq makes one quantization; "auto" is for quant')
    return _quant(value)


def _stop_problem(stop: tuple[str, ...]) -> str | None:
    if len(stop) > _N_STOP_MAX or any(not text or len(text.encode()) > _STOP_BYTES_MAX for text in stop):
        return f"up to {_N_STOP_MAX} stop strings of 1 to {_STOP_BYTES_MAX} bytes are possible; shorten the list"
    return None


def _number_or(*words: str) -> BeforeValidator:
    def validate(value: object) -> object:
        if value in words or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        choices = ", ".join(f'"{word}"' for word in words)
        raise ValueError(f"{shown(value)} is neither {choices} nor a whole number from 0 up")

    return BeforeValidator(validate)


def _auto_or_bytes(value: object) -> object:
    return value if value == "auto" else parse_bytes(value)


_TEXT = WithJsonSchema({"type": "string"})

ReadyQuant = Annotated[Quant | AutoQuant, PlainValidator(_quant_or_auto), _TEXT]
MadeQuant = Annotated[Quant, PlainValidator(_made_quant), _TEXT]


class FormatSettings(Table):
    """Which file of a repository or folder."""

    format: Literal["auto", "gguf", "plain"] = Field(
        default="auto", description="gguf: GGUFs only; plain: safetensors, converted here; auto: whatever there is."
    )
    quantized_file: Annotated[Strings, BeforeValidator(split_files)] = Field(
        default=(), description='GGUF file names in the repository or folder; several joined with ";".'
    )
    mmproj: str | None = Field(default=None, description="The projector file of a multimodal model.")


class QuantizationSettings(Table):
    """Which quantization an entry asks for."""

    quant: ReadyQuant | None = Field(
        default=None, description='A width ("4"), a name ("Q5_K_M") or "auto" (what fits); without it full precision.'
    )
    isq: MadeQuant | None = Field(
        default=None, description="Quantize here to this width or name, although there may be a ready file."
    )
    imatrix: str | None = Field(
        default=None, description="Importance matrix for quantizing here; one that lies beside the source is found."
    )


class DeviceSettings(Table):
    """Devices and threads that a model computes on."""

    cpu: bool = Field(default=False, description="Compute on the CPU only; must agree across entries.")
    gpu_layers: Annotated[Literal["auto", "all"] | int, _number_or("auto", "all")] = Field(
        default="auto", description='Layers on GPUs: "auto" (what fits), "all" or a number.'
    )
    threads: int = Field(default=0, ge=0, le=_N_THREADS_MAX, description="CPU threads of decoding; 0: chosen.")
    threads_batch: int = Field(default=0, ge=0, le=_N_THREADS_MAX, description="CPU threads of prefill; 0: chosen.")
    main_gpu: int = Field(default=0, ge=0, description="The GPU that is used alone, or first.")
    tensor_split: Annotated[tuple[float, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="Shares of the GPUs, in order."
    )
    split_mode: Literal["none", "layer", "row"] = Field(default="layer", description="How GPUs share a model.")
    rpc: Strings = Field(default=(), description="llama.cpp RPC servers that lend their devices.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.cpu and self.gpu_layers not in ("auto", 0):
            raise ValueError("cpu = true and gpu_layers contradict each other; remove one of them")
        if any(not 0 <= share < float("inf") for share in self.tensor_split):
            raise ValueError("tensor_split holds a share below 0 or no number; write shares such as [3, 1]")
        return self


class ContextSettings(Table):
    """The context: its size, its cache, its batches."""

    context_length: Annotated[Literal["auto"] | int, _number_or("auto")] = Field(
        default="auto",
        description="Longest prompt + answer of one request, in tokens; auto: as much as is comfortable.",
    )
    slots: int = Field(default=0, ge=0, le=_N_SLOTS_MAX, description="Requests computed together; 0: chosen.")
    batch_size: int = Field(default=2048, ge=1, le=1 << 20, description="Most tokens of one llama_decode.")
    ubatch_size: int = Field(default=512, ge=1, le=1 << 20, description="Most tokens computed at once within a batch.")
    prefill_slowdown: float = Field(
        default=2.0,
        ge=1.2,
        le=1000,
        description="How many times longer running answers' tokens may take while long prompts are read.",
    )
    cache_type_k: CacheType = Field(default="f16", description="Type of the K cache.")
    cache_type_v: CacheType = Field(default="f16", description="Type of the V cache.")
    kv: Literal["auto", "shared", "split"] = Field(
        default="auto", description="One KV cache for all slots, or one each."
    )
    kv_cells: int = Field(
        default=0, ge=0, description="Tokens that a shared KV cache holds, of all slots; 0: context_length for each."
    )
    cache_ram: Annotated[Literal["auto"] | int, BeforeValidator(_auto_or_bytes), WithJsonSchema(BYTES_SCHEMA)] = Field(
        default="auto",
        description='RAM for prompts that lost their slot ("2GiB"), reserved at the load; 0: they are forgotten.',
    )
    flash_attention: Annotated[Literal["auto", "on", "off"], BeforeValidator(on_off)] = Field(
        default="auto",
        description='Flash attention; "auto" leaves it to llama.cpp.',
    )
    context_shift: bool = Field(
        default=False, description="Drop the oldest tokens instead of ending at a full context."
    )
    pooling: Literal["auto", "none", "mean", "cls", "last", "rank"] = Field(
        default="auto", description="How token embeddings become one vector: or none of them, or (rank) a score."
    )
    rope_scaling: Literal["auto", "none", "linear", "yarn"] = Field(default="auto", description="RoPE scaling.")
    rope_freq_base: float = Field(default=0.0, ge=0, lt=float("inf"), description="RoPE base; 0: the model's own.")
    rope_freq_scale: float = Field(default=0.0, ge=0, lt=float("inf"), description="RoPE scale; 0: the model's own.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.ubatch_size > self.batch_size and "ubatch_size" in self.model_fields_set:
            raise ValueError(
                f"ubatch_size {self.ubatch_size} is above batch_size {self.batch_size}; make it at most that"
            )
        if self.kv_cells and self.kv == "split":
            raise ValueError('kv_cells is for one cache of all slots; set kv = "shared", or remove it')
        if self.kv_cells and isinstance(self.context_length, int) and self.kv_cells < self.context_length:
            raise ValueError(
                f"kv_cells {self.kv_cells} holds no request of context_length {self.context_length}; raise it to that"
            )
        if self.kv_cells and self.context_length == "auto":
            raise ValueError("kv_cells needs a context_length: the longest request it is for; write a number")
        if self.kv_cells and self.context_shift:
            raise ValueError("context_shift needs cells of its own for each slot; remove kv_cells")
        if self.context_length == 0:
            raise ValueError('context_length 0 leaves no room; write a number of tokens, or "auto"')
        if self.rope_scaling == "none" and self.rope_freq_scale not in (0.0, 1.0):
            raise ValueError(
                f'rope_scaling = "none" leaves rope_freq_scale = {self.rope_freq_scale:g} without effect; '
                "remove one of them"
            )
        if self.flash_attention == "off" and self.cache_type_v not in _FLOAT_CACHE_TYPES:
            raise ValueError(
                f'cache_type_v = "{self.cache_type_v}" needs flash attention; set flash_attention = "auto"'
            )
        return self


class SpeculativeSettings(Table):
    """Speculation: several tokens guessed, then verified in one batch."""

    mode: Literal["off", "lookup", "draft"] = Field(
        default="off", description="Where guesses come from: the text itself, or a draft model."
    )
    draft: str | None = Field(
        default=None, min_length=1, description="A smaller model with the same vocabulary: a path, or OWNER/NAME:QUANT."
    )
    max_tokens: int = Field(default=16, ge=1, le=64, description="Most tokens guessed at once.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.mode == "draft" and self.draft is None:
            raise ValueError('mode = "draft" needs a draft model; name one with draft, or set mode = "lookup"')
        if self.mode != "draft" and self.draft is not None:
            raise ValueError(f'draft names a model, and mode = "{self.mode}" uses none; set mode = "draft"')
        return self


class DefaultSettings(Table):
    """What a request gets that does not say; None: llama.cpp's own default."""

    temperature: float | None = Field(default=None, ge=0, le=100, description="0: the likeliest token always.")
    top_p: float | None = Field(default=None, ge=0, le=1, description="1 turns it off.")
    top_k: int | None = Field(default=None, ge=0, description="0 turns it off.")
    min_p: float | None = Field(default=None, ge=0, le=1, description="0 turns it off.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest answer, in tokens.")
    stop: Annotated[Strings, AfterValidator(checked(_stop_problem))] = Field(
        default=(), description="Strings that end an answer."
    )
    seed: int | None = Field(default=None, ge=0, le=_SEED_MAX, description="Seed of the sampler.")
    system: str | None = Field(default=None, description="System message of chats that bring none.")
    priority: int = Field(default=0, ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="Higher: its turn comes sooner.")


class AdapterSettings(Table):
    """LoRA weights over this entry."""

    name: Annotated[Name, AfterValidator(checked(_adapter_name_problem))] = Field(
        description='What requests call it; its id is "ENTRY:NAME".'
    )
    source: str = Field(
        min_length=1,
        description="A GGUF, a folder with one, or a Hub id in the cache, with a file of it behind a slash if need be.",
    )
    revision: str = Field(default="main", min_length=1, description="Branch, tag or commit on the Hub.")
    weight: float = Field(
        default=1.0, ge=-ADAPTER_WEIGHT_MAX, le=ADAPTER_WEIGHT_MAX, description="How strongly it applies."
    )
    default: bool = Field(default=False, description="Applies to requests that choose no adapter.")

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """Where a relative path in `source` starts: beside the file that names it."""
        return self._folder

    def placed_in(self, folder: Path) -> AdapterSettings:
        """The same adapter, written in `folder`."""
        placed = self.model_copy()
        placed._folder = folder
        return placed


class ModelSettings(Table):
    """One entry: what a client asks for, and how it is loaded and served."""

    model_id: CanonicalName = Field(
        description="Hub id, or path of a GGUF or of a folder with GGUFs; the canonical id."
    )
    alias: OtherNames = Field(default=(), description="Other names; the first one is listed.")
    kind: Literal["auto", "text", "embedding", "rerank", "multimodal", "speech", "upstream", "handler"] = Field(
        default="auto", description="What the model does; auto reads it from the file."
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

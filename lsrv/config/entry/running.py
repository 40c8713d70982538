"""[models.device], [models.context] and [models.speculative]: how an entry's model is computed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from lsrv.config.table import BYTES_SCHEMA, Strings, Table, as_tuple, on_off, parse_bytes, shown

_N_THREADS_MAX = 512  # GGML_MAX_N_THREADS
_N_SLOTS_MAX = 256  # LLAMA_MAX_SEQ

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"]
_FLOAT_CACHE_TYPES = ("f32", "f16", "bf16")


def _number_or(*words: str) -> BeforeValidator:
    def validate(value: object) -> object:
        if value in words or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        choices = ", ".join(f'"{word}"' for word in words)
        raise ValueError(f"{shown(value)} is neither {choices} nor a whole number from 0 up")

    return BeforeValidator(validate)


def _auto_or_bytes(value: object) -> object:
    return value if value == "auto" else parse_bytes(value)


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

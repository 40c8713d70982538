"""`options` of a request: how tokens are chosen, and what Ollama would load a model with. Pure.

https://github.com/ollama/ollama/blob/main/docs/modelfile.mdx#valid-parameters-and-values
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv.api.dialects.fields.sampling import SamplingFields
from lsrv.api.http.body import convert_body
from lsrv.echo import echo

OptionsField = Annotated[
    dict[str, object] | None,
    Meta(
        extra_json_schema={
            "description": "num_predict, stop, temperature, top_k, top_p, min_p, seed, repeat_penalty, repeat_last_n, "
            "presence_penalty, frequency_penalty, typical_p, mirostat… and all other samplers of "
            "/v1/chat/completions; others have no effect."
        }
    ),
]

# What a model is loaded with is for models.toml to say: no request loads it anew.
_OF_MODELS_TOML = {
    "num_batch": "context.batch_size",
    "num_gpu": "device.gpu_layers",
    "main_gpu": "device.main_gpu",
    "num_thread": "device.threads",
}
_WITHOUT_MEANING = frozenset({"num_keep", "numa", "low_vram", "f16_kv", "vocab_only", "logits_all", "use_mmap"})
_HARMLESS = _WITHOUT_MEANING | {"use_mlock", "embedding_only", "draft_num_predict"}


class OllamaOptions(SamplingFields, kw_only=True):
    """`num_predict` below 1: until the context is full. `num_ctx`: what the client would like."""

    num_predict: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    num_ctx: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    stop: str | list[str] | None = None

    @property
    def max_tokens(self) -> int | None:
        return self.num_predict if self.num_predict is not None and self.num_predict > 0 else None


class _Holder(msgspec.Struct):
    options: OllamaOptions


def options_of(given: dict[str, object] | None) -> OllamaOptions:
    """What `given` says. 40.0 is 40: home automation and JavaScript count in floats. Raises RequestError."""
    plain = {name: _integer(value) for name, value in (given or {}).items()}
    return convert_body({"options": plain}, _Holder).options


def notes_on(given: dict[str, object] | None) -> tuple[str, ...]:
    """What of it has no effect, for the log."""
    said = [name for name, value in (given or {}).items() if value is not None]
    return tuple(note for name in sorted(said) if (note := _note(name)))


def _note(name: str) -> str:
    if name in OllamaOptions.__struct_fields__ or name in _HARMLESS:
        return ""
    if key := _OF_MODELS_TOML.get(name):
        return f"options.{name}: models.toml says it ({key})"
    return f"options.{echo(name)}: unknown"


def _integer(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value

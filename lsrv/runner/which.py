"""Which model: mistral.rs's `Which`, turned into a `[[models]]` entry."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from lsrv.runner.runner_error import RunnerError

_log = logging.getLogger(__name__)

EntryTable = dict[str, object]

_WITH_EFFECT = frozenset(
    {"model_id", "imatrix", "adapters", "quantized_model_id", "quantized_filename", "mmproj_filename"}
)


class Architecture(Enum):
    """mistral.rs asks for it; here the weights say it themselves."""

    Mistral = "mistral"
    Gemma = "gemma"
    Mixtral = "mixtral"
    Llama = "llama"
    Phi2 = "phi2"
    Phi3 = "phi3"
    Qwen2 = "qwen2"
    Gemma2 = "gemma2"
    Starcoder2 = "starcoder2"
    Phi3_5MoE = "phi3.5moe"
    DeepseekV2 = "deepseekv2"
    DeepseekV3 = "deepseekv3"
    Qwen3 = "qwen3"
    GLM4 = "glm4"
    GLM4Moe = "glm4moe"
    GLM4MoeLite = "glm4moelite"
    Qwen3Moe = "qwen3moe"
    SmolLm3 = "smollm3"
    GraniteMoeHybrid = "granitemoehybrid"
    GptOss = "gptoss"
    Qwen3Next = "qwen3next"
    Lfm2 = "lfm2"
    Lfm2Moe = "lfm2_moe"


class EmbeddingArchitecture(Enum):
    EmbeddingGemma = "embeddinggemma"
    Qwen3Embedding = "qwen3embedding"


class MultimodalArchitecture(Enum):
    Gemma3 = "gemma3"
    Qwen2VL = "qwen2vl"
    Qwen2_5VL = "qwen2_5vl"
    Qwen3VL = "Qwen3VL"
    LLaVA = "llava"
    Mistral3 = "mistral3"
    Llama4 = "llama4"
    Idefics3 = "idefics3"
    Gemma4 = "Gemma4"


class ModelDType(Enum):
    Auto = "auto"
    BF16 = "bf16"
    F16 = "f16"
    F32 = "f32"


@dataclass
class LoraAdapter:
    """An adapter under a name of its own: a GGUF, a folder with one, or a Hub id."""

    alias: str
    source: str
    revision: str | None = None

    def entry(self) -> EntryTable:
        return {"name": self.alias, "source": self.source}


@dataclass(kw_only=True)
class _Chosen:
    dtype: ModelDType = ModelDType.Auto
    tokenizer_json: str | None = None
    topology: str | None = None
    write_uqff: str | None = None
    from_uqff: str | Sequence[str] | None = None
    hf_cache_path: str | None = None
    calibration_file: str | None = None
    matformer_config_path: str | None = None
    matformer_slice_name: str | None = None

    def entry(self) -> EntryTable:
        """This choice as an entry of models.toml. Raises RunnerError for a kind that lsrv does not serve."""
        raise NotImplementedError

    def tell_unused(self) -> None:
        """Say which fields were set though nothing follows from them here."""
        for each in dataclasses.fields(self):
            if each.name not in _WITH_EFFECT and getattr(self, each.name) != each.default:
                _log.warning("%s has no effect here: the weights say it, or llama.cpp has no such thing", each.name)


def _refused(kind: str, reason: str) -> type[_Chosen]:
    """A kind of mistral.rs that is refused by name when somebody wants it."""

    class Refused(_Chosen):
        def __init__(self, *args: object, **fields: object) -> None:
            raise RunnerError(f"lsrv does not serve Which.{kind}: {reason}", code="capability_not_supported")

    return Refused


_NO_XLORA = "llama.cpp has no X-LoRA; merge it, or use plain LoRA with Which.Lora."
_NO_GGML = "the files before GGUF (ggml, ggjt) can't be read any more; take the GGUF of that model."


class Which:
    """The kinds of model: `Which.Plain("Qwen/Qwen3-4B")`, `Which.GGUF("org/repo-GGUF", "file.gguf")`."""

    @dataclass
    class Plain(_Chosen):
        """A model by its Hub id or folder; GGUF or safetensors, whatever there is."""

        model_id: str
        arch: Architecture | None = field(default=None, kw_only=True)
        organization: object = field(default=None, kw_only=True)
        imatrix: str | None = None

        def entry(self) -> EntryTable:
            entry: EntryTable = {"model_id": self.model_id}
            return entry if self.imatrix is None else entry | {"quantization": {"imatrix": self.imatrix}}

    @dataclass
    class Embedding(_Chosen):
        model_id: str
        arch: EmbeddingArchitecture | None = field(default=None, kw_only=True)
        imatrix: str | None = None

        def entry(self) -> EntryTable:
            entry: EntryTable = {"model_id": self.model_id, "kind": "embedding"}
            return entry if self.imatrix is None else entry | {"quantization": {"imatrix": self.imatrix}}

    @dataclass
    class Lora(_Chosen):
        """A model with adapters, which requests choose by name."""

        model_id: str
        adapters: list[LoraAdapter] | None = None
        arch: Architecture | None = field(default=None, kw_only=True)
        max_adapters: int = field(default=16, kw_only=True)
        max_rank: int = field(default=256, kw_only=True)
        max_bytes: int = field(default=8589934592, kw_only=True)

        def entry(self) -> EntryTable:
            return {"model_id": self.model_id, "adapters": [each.entry() for each in self.adapters or ()]}

    @dataclass
    class GGUF(_Chosen):
        """A file, or the parts of one, of a repository or folder."""

        quantized_model_id: str
        quantized_filename: str | Sequence[str]
        tok_model_id: str | None = field(default=None, kw_only=True)
        mmproj_filename: str | None = field(default=None, kw_only=True)
        organization: object = field(default=None, kw_only=True)
        imatrix: str | None = field(default=None, kw_only=True)
        max_edge: int | None = field(default=None, kw_only=True)
        adapters: list[LoraAdapter] | None = field(default=None, kw_only=True)
        max_adapters: int = field(default=16, kw_only=True)
        max_rank: int = field(default=256, kw_only=True)
        max_bytes: int = field(default=8589934592, kw_only=True)

        def entry(self) -> EntryTable:
            names = self.quantized_filename
            files: EntryTable = {"quantized_file": names if isinstance(names, str) else ";".join(names)}
            if self.mmproj_filename is not None:
                files["mmproj"] = self.mmproj_filename
            entry: EntryTable = {"model_id": self.quantized_model_id, "format": files}
            if self.imatrix is not None:
                entry["quantization"] = {"imatrix": self.imatrix}
            if self.adapters:
                entry["adapters"] = [each.entry() for each in self.adapters]
            return entry

    @dataclass
    class MultimodalPlain(_Chosen):
        model_id: str
        arch: MultimodalArchitecture | None = field(default=None, kw_only=True)
        max_edge: int | None = field(default=None, kw_only=True)
        imatrix: str | None = None

        def entry(self) -> EntryTable:
            return {"model_id": self.model_id, "kind": "multimodal"}

    XLora = _refused("XLora", _NO_XLORA)
    XLoraGGUF = _refused("XLoraGGUF", _NO_XLORA)
    LoraGGUF = _refused("LoraGGUF", "write Which.GGUF(…, adapters=[LoraAdapter(NAME, SOURCE)]) instead.")
    GGML = _refused("GGML", _NO_GGML)
    XLoraGGML = _refused("XLoraGGML", _NO_GGML)
    LoraGGML = _refused("LoraGGML", _NO_GGML)
    DiffusionPlain = _refused("DiffusionPlain", "llama.cpp makes no images.")
    Speech = _refused("Speech", "llama.cpp's speech models are not served yet.")


Chosen = _Chosen  # any of them

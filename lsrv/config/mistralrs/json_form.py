"""mistral.rs's JSON configs (an object whose keys are labels, or an array) in the shape of models.toml. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from lsrv.config.layer import ConfigPlace, KeyPath, Layer, RawTable, as_table
from lsrv.config.problems import Problem

# What a model is -> the kind of its entry; None: the file says.
_BODIES: dict[str, str | None] = {
    "Plain": None,
    "VisionPlain": None,
    "MultimodalPlain": None,
    "GGUF": None,
    "Embedding": "embedding",
}
_NO_XLORA = "llama.cpp has no X-LoRA; remove the entry"
_LORA = 'name the base with "Plain" or "GGUF", and each LoRA in [[models.adapters]] of a models.toml'
_GGML = "llama.cpp reads GGUF and no older format; name a GGUF of that model"
# The other bodies that mistral.rs knows -> why they are refused, and what to do.
_REFUSED: dict[str, str] = {
    "GGML": _GGML,
    "LoraGGML": _GGML,
    "XLoraGGML": _GGML,
    "Lora": _LORA,
    "LoraGGUF": _LORA,
    "XLora": _NO_XLORA,
    "XLoraGGUF": _NO_XLORA,
    "DiffusionPlain": "lsrv makes no images; remove the entry",
    "Speech": "lsrv serves text, and no speech; remove the entry",
    "Toml": 'name that file with "lsrv from-config -f FILE", or as [server] catalog',
}

# Key of an entry or of its body -> the key in models.toml, where the two differ.
_MOVED: dict[str, tuple[str, ...]] = {
    "model": ("model_id",),
    "quantized_model_id": ("model_id",),
    "quantized_filename": ("format", "quantized_file"),
    "tok_model_id": ("format", "tok_model_id"),
    "tokenizer_json": ("tokenizer",),
    "in_situ_quant": ("quantization", "quant"),
    "organization": ("quantization", "isq_organization"),
    "from_uqff": ("quantization", "from_uqff"),
    "imatrix": ("quantization", "imatrix"),
    "calibration_file": ("quantization", "calibration_file"),
    "num_device_layers": ("device", "device_layers"),
    "topology": ("device", "topology"),
    "hf_cache_path": ("device", "hf_cache"),
    "max_seq_len": ("device", "max_seq_len"),
    "max_batch_size": ("device", "max_batch_size"),
    "max_edge": ("multimodal", "max_edge"),
    "max_num_images": ("multimodal", "max_num_images"),
    "max_image_length": ("multimodal", "max_image_length"),
}


@dataclass(frozen=True)
class Converted:
    """The same entries as models.toml would hold them, what a user should be told, and what has no place there."""

    layer: Layer
    warnings: list[str]
    problems: list[Problem]


def convert(value: object, origin: ConfigPlace, places: dict[KeyPath, ConfigPlace]) -> Converted:
    """A JSON document as a layer. An object that holds a list `models` has the shape of models.toml already."""
    if isinstance(value, dict) and isinstance(as_table(value).get("models"), list):
        return Converted(Layer(as_table(value), origin, places), [], [])
    conversion = _Conversion(origin, places)
    if isinstance(value, list):
        entries: list[tuple[str | int, object]] = list(enumerate(cast("list[object]", value)))
    else:
        entries = list(as_table(value).items())
    for key, entry in entries:
        conversion.add(key, entry)
    return Converted(
        Layer({"models": conversion.models}, origin, conversion.placed), conversion.warnings, conversion.problems
    )


class _Conversion:
    def __init__(self, origin: ConfigPlace, places: dict[KeyPath, ConfigPlace]) -> None:
        self._origin = origin
        self._places = places
        self.models: list[RawTable] = []
        self.placed: dict[KeyPath, ConfigPlace] = {}
        self.warnings: list[str] = []
        self.problems: list[Problem] = []

    def add(self, key: str | int, entry: object) -> None:
        """One entry under its label or index `key`."""
        if not isinstance(entry, dict):
            text = 'not a model; write {"Plain": {"model_id": "…"}}, or use models.toml for other settings'
            self.problems.append(Problem(self._place((key,)), str(key), text))
            return
        if refused := [(name, why) for name, why in _REFUSED.items() if isinstance(as_table(entry).get(name), dict)]:
            for name, why in refused:
                path = (key, name)
                self.problems.append(Problem(self._place(path), ".".join(map(str, path)), f"not served here: {why}"))
            return
        index = len(self.models)
        self.models.append({})
        self.placed["models", index] = self._place((key,))
        for name, value in as_table(entry).items():
            if name in _BODIES and isinstance(value, dict):
                self._body(index, (key, name), as_table(value))
            else:
                self._set(index, name, value, (key, name))
        self._prefer_file(index, (key, "in_situ_quant"))

    def _body(self, index: int, path: KeyPath, body: RawTable) -> None:
        name = str(path[-1])
        if kind := _BODIES[name]:
            self.models[index]["kind"] = kind
        for key, value in body.items():
            self._set(index, key, value, (*path, key))

    def _set(self, index: int, key: str, value: object, path: KeyPath) -> None:
        if value is None:
            return
        if key == "in_situ_quant":
            self._warn(path, "used as quantization.quant: a ready GGUF of that quantization is taken")
        target = _MOVED.get(key, (key,))
        table = self.models[index]
        for part in target[:-1]:
            table = cast("RawTable", table.setdefault(part, {}))
        table[target[-1]] = value
        self.placed["models", index, *target] = self._place(path)

    def _prefer_file(self, index: int, path: KeyPath) -> None:
        """A GGUF that is named needs no quantization: mistral.rs ignores in_situ_quant there too."""
        model = self.models[index]
        quantization = as_table(model.get("quantization"))
        if "quant" in quantization and as_table(model.get("format")).get("quantized_file"):
            del quantization["quant"]
            self._warn(path, "ignored: quantized_filename names the file already")

    def _place(self, path: KeyPath) -> ConfigPlace:
        return next((self._places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._places), self._origin)

    def _warn(self, path: KeyPath, text: str) -> None:
        self.warnings.append(f"{self._place(path)}: {'.'.join(map(str, path))}: {text}")

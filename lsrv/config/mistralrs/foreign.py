"""Keys of mistral.rs's config that lsrv takes in its own way: moved to ours, or ignored with one warning. Pure.

Source: `from-config` of mistral.rs v0.9.2.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from lsrv.config.layer import ConfigPlace, KeyPath, Layer, RawTable, as_table, as_tables
from lsrv.config.not_yet import find
from lsrv.config.problems import Problem, key_text, problem

_IN_THE_GGUF = "the GGUF carries its own"
_ONE_PURPOSE = "lsrv has no tools of its own; MCP servers bring them (see [mcp])"
_BATCHES = "see [models.context] batch_size, ubatch_size and slots"
_ADAPTERS = "adapters may be as many and as large as memory allows"
_GGUF_ONLY = "lsrv loads GGUF files; see [models.quantization] quant"

# Dotted key (a whole table where it names one) -> what lsrv does instead.
IGNORED: dict[str, str] = {
    "thinking": "a request says it (chat_template_kwargs)",
    "enable_thinking": "a request says it (chat_template_kwargs)",
    "reasoning_effort": "a request says it",
    "adapter": "it belongs to the chat in the terminal",
    "global.log": "lsrv logs no prompts and no answers",
    "server.mcp_port": "/mcp is on the server's own port",
    "server.tool_dispatch_url": _ONE_PURPOSE,
    "server.disable_access_log": "requests are always logged; see access_log_format",
    "server.access_log_health": "requests to /health are not logged",
    "server.disable_request_id_header": "x-request-id is always sent",
    "server.disable_metrics": "/metrics is always there",
    "paged_attn": "llama.cpp has its own KV cache; see [models.context] kv, cache_type_k, cache_type_v, context_length",
    "sandbox": _ONE_PURPOSE,
    "runtime.max_num_batched_tokens": _BATCHES,
    "runtime.max_decode_steps_before_prefill": "every step decodes and prefills together",
    "runtime.no_kv_cache": "the KV cache is always on",
    "runtime.prefix_cache_n": "prompts are kept by size; see [models.context] cache_ram",
    "runtime.matformer_config_path": _GGUF_ONLY,
    "runtime.matformer_slice_name": _GGUF_ONLY,
    "runtime.mtp": "see [models.speculative]",
    "runtime.mtp_model": "see [models.speculative]",
    "runtime.mtp_n_predict": "see [models.speculative]",
    **{
        f"runtime.{key}": _ONE_PURPOSE
        for key in (
            "agent", "enable_search", "search_embedding_model", "enable_code_execution", "code_exec_python",
            "code_exec_timeout", "code_exec_workdir", "enable_shell", "shell_path", "shell_timeout", "shell_workdir",
            "skills_dir", "agent_permission", "code_exec_permission",
        )
    },
    "models.tokenizer": f"{_IN_THE_GGUF} tokenizer",
    "models.arch": f"{_IN_THE_GGUF} architecture",
    "models.dtype": f"{_IN_THE_GGUF} types; see [models.quantization] quant",
    "models.matformer_config_path": _GGUF_ONLY,
    "models.matformer_slice_name": _GGUF_ONLY,
    "models.adapter.enable_lora": "adapters can always be loaded",
    "models.adapter.lora_max_adapters": _ADAPTERS,
    "models.adapter.lora_max_rank": _ADAPTERS,
    "models.adapter.lora_max_bytes": _ADAPTERS,
    "models.multimodal": "the projector says how large and how many pictures may be",
    "models.format.tok_model_id": f"{_IN_THE_GGUF} tokenizer",
    "models.format.gqa": f"{_IN_THE_GGUF} attention shape",
    "models.quantization.from_uqff": _GGUF_ONLY,
    "models.quantization.isq_organization": _GGUF_ONLY,
    "models.quantization.calibration_file": "see [models.quantization] imatrix",
    "models.device.topology": "see [models.device] gpu_layers and tensor_split",
    "models.device.hf_cache": "the Hugging Face cache is found by HF_HOME or HF_HUB_CACHE",
    "models.device.max_batch_size": "see [models.context] slots",
}  # fmt: skip


@dataclass(frozen=True)
class Adapted:
    """A layer without foreign keys, what a user should be told, and what could not be read."""

    layer: Layer
    warnings: list[str]
    problems: list[Problem]


def adapt(layer: Layer) -> Adapted:
    """`layer` in lsrv's own keys."""
    adapted = _Adaptation(Layer(copy.deepcopy(layer.raw), layer.origin, dict(layer.places)))
    adapted.move_mcp()
    adapted.move_runtime()
    for index, model in enumerate(adapted.layer.models()):
        adapted.move_in_model(("models", index), model)
    for key, instead in IGNORED.items():
        adapted.ignore(key, instead)
    adapted.tidy()
    return Adapted(adapted.layer, adapted.warnings, adapted.problems)


class _Adaptation:
    """Works on its own copy of a layer."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.warnings: list[str] = []
        self.problems: list[Problem] = []

    def ignore(self, key: str, instead: str) -> None:
        for path, _ in list(find(self.layer, key)):
            self._warn(path, f"ignored: {instead}")
            _table_at(self.layer, path[:-1]).pop(str(path[-1]))

    def tidy(self) -> None:
        """Tables of mistral.rs's alone, now empty."""
        for table, key in [(self.layer.raw, "runtime"), *((model, "adapter") for model in self.layer.models())]:
            if table.get(key) == {}:
                del table[key]

    def move_mcp(self) -> None:
        """Where the list of MCP servers lies, and how often a request may use their tools."""
        for (table, key), name in _MCP.items():
            raw = as_table(self.layer.raw.get(table))
            if key in raw:
                place = self.layer.place((table, key))
                self._put(("mcp",), as_table(self.layer.raw.setdefault("mcp", {})), (name,), raw.pop(key), place)

    def move_runtime(self) -> None:
        """[runtime] speaks for all models: what a model does not say itself it takes from there."""
        runtime = as_table(self.layer.raw.get("runtime"))
        for key, inner in _FROM_RUNTIME.items():
            if key not in runtime:
                continue
            value, place = runtime.pop(key), self.layer.place(("runtime", key))
            self.warnings.append(f"{place}: runtime.{key}: used as {'.'.join(inner)} of every model that sets none")
            for index, model in enumerate(self.layer.models()):
                self._put(("models", index), model, inner, value, place)

    def move_in_model(self, root: KeyPath, model: RawTable) -> None:
        for (table, key), move in _IN_MODEL.items():
            raw = as_table(model.get(table))
            if key in raw:
                move(self, root, model, raw.pop(key), (*root, table, key))

    def rename_isq(self, root: KeyPath, model: RawTable, value: object, path: KeyPath) -> None:
        self._put(root, model, ("quantization", "isq"), value, self.layer.place(path))

    def move_max_seq_len(self, root: KeyPath, model: RawTable, value: object, path: KeyPath) -> None:
        self._warn(path, "used as context.context_length, where that is not set")
        self._put(root, model, ("context", "context_length"), value, self.layer.place(path))

    def move_lora(self, root: KeyPath, model: RawTable, value: object, path: KeyPath) -> None:
        """[{alias, source, revision}]: our adapters, where the alias is the name."""
        adapters = [{"name" if key == "alias" else key: each[key] for key in each} for each in as_tables(value)]
        self._put(root, model, ("adapters",), adapters if isinstance(value, list) else value, self.layer.place(path))

    def refuse_mixture(self, root: KeyPath, model: RawTable, value: object, path: KeyPath) -> None:
        text = "llama.cpp has no X-LoRA and no merged order of adapters; name each LoRA in [[models.adapters]] instead"
        self.problems.append(problem(self.layer, path, text))

    def move_device_layers(self, root: KeyPath, model: RawTable, value: object, path: KeyPath) -> None:
        """["0:10", "1:22"]: 32 layers on GPUs, shared 10 to 22."""
        layers = _parse_device_layers(value)
        if layers is None:
            text = 'not of the form ["0:10", "1:22"]; write gpu_layers and tensor_split instead'
            self.problems.append(problem(self.layer, path, text))
            return
        place = self.layer.place(path)
        self._warn(path, "used as device.gpu_layers and tensor_split, where those are not set")
        self._put(root, model, ("device", "gpu_layers"), sum(layers.values()), place)
        if max(layers) > 0:
            shares = [float(layers.get(gpu, 0)) for gpu in range(max(layers) + 1)]
            self._put(root, model, ("device", "tensor_split"), shares, place)

    def _put(self, root: KeyPath, model: RawTable, inner: tuple[str, ...], value: object, place: ConfigPlace) -> None:
        """Set a key that the model does not set itself."""
        for part in inner[:-1]:
            model = as_table(model.setdefault(part, {}))
        if inner[-1] not in model:
            model[inner[-1]] = value
            self.layer.places[(*root, *inner)] = place

    def _warn(self, path: KeyPath, text: str) -> None:
        self.warnings.append(f"{self.layer.place(path)}: {key_text(self.layer, path)}: {text}")


_FROM_RUNTIME: dict[str, tuple[str, ...]] = {
    "max_seqs": ("context", "slots"),
    "chat_template": ("chat_template",),
    "jinja_explicit": ("jinja_explicit",),
}
_MCP = {("runtime", "mcp_config"): "config_file", ("server", "max_tool_rounds"): "max_rounds"}
_Move = Callable[[_Adaptation, KeyPath, RawTable, object, KeyPath], None]
_IN_MODEL: dict[tuple[str, str], _Move] = {
    ("quantization", "in_situ_quant"): _Adaptation.rename_isq,
    ("device", "max_seq_len"): _Adaptation.move_max_seq_len,
    ("device", "device_layers"): _Adaptation.move_device_layers,
    ("adapter", "lora"): _Adaptation.move_lora,
    **{
        ("adapter", key): _Adaptation.refuse_mixture
        for key in ("legacy_lora", "legacy_lora_order", "xlora", "xlora_order", "tgt_non_granular_index")
    },
}


def _parse_device_layers(value: object) -> dict[int, int] | None:
    """GPU -> layers; a number alone means the first GPU."""
    items = cast("list[object]", value) if isinstance(value, list) else str(value).split(";")
    layers: dict[int, int] = {}
    for item in items:
        found = re.fullmatch(r"\s*(?:(\d{1,3})\s*:)?\s*(\d{1,6})\s*", str(item))
        if found is None:
            return None
        layers[int(found[1] or 0)] = int(found[2])
    return layers or None


def _table_at(layer: Layer, path: KeyPath) -> RawTable:
    table: object = layer.raw
    for part in path:
        table = cast("list[object]", table)[part] if isinstance(part, int) else as_table(table)[part]
    return as_table(table)

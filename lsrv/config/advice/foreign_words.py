"""How other servers call what our keys say: llama.cpp, Ollama, vLLM, LM Studio, llama-swap. Pure.

Spelling would lead astray: `num_predict` is no misspelt `min_p`.
"""

from __future__ import annotations

_CONTEXT = "models.context"
_DEVICE = "models.device"
_DEFAULTS = "models.defaults"

_OF_MODELS: dict[str, tuple[str, ...]] = {
    "models.model_id": (
        "file", "filename", "gguf", "hf", "hf_repo", "hf_repo_id", "id", "model", "model_file", "model_path", "path",
        "repo", "repo_id", "repository", "weights",
    ),
    "models.alias": (
        "aliases", "model_alias", "model_name", "name", "names",
        "served_model_name", "title",
    ),
    "models.kind": ("embedding", "embeddings", "model_type", "rerank", "reranking", "task", "type"),
    "models.keep_alive": ("idle_timeout", "idle_unload", "sleep_idle_seconds", "timeout", "ttl", "unload_after"),
    "models.preload": ("autoload", "autostart", "eager", "load_on_start", "load_on_startup", "warmup"),
    "models.pinned": ("keep_loaded", "pin", "static"),
    "models.max_concurrency": ("concurrency", "concurrency_limit", "concurrencylimit", "max_concurrent_requests"),
    "models.queue": ("max_queue", "max_queue_size", "queue_size"),
    "models.chat_template": ("chat_template_file", "prompt_template", "template"),
    "models.adapters": ("lora", "lora_modules", "loras", "adapter_path"),
    "models.enabled": ("disable", "disabled", "hidden", "unlisted"),
    "models.quantization.quant": ("bits", "precision", "q", "quants", "quantize", "variant"),
    "models.context.context_length": (
        "c", "context", "context_len", "context_size", "context_window", "ctx", "ctx_len", "ctx_size", "ctxsize",
        "max_context_length", "max_model_len", "max_seq_len", "n_ctx", "num_ctx",
    ),
    "models.context.slots": (
        "max_num_seqs", "max_seqs", "n_parallel", "n_slots", "np", "num_parallel", "num_slots", "parallel",
    ),
    "models.context.batch_size": ("b", "n_batch", "num_batch", "max_num_batched_tokens"),
    "models.context.ubatch_size": ("n_ubatch", "ub"),
    "models.context.flash_attention": ("fa", "flash_attn"),
    "models.context.cache_type_k": ("cache_type", "ctk", "kv_cache_dtype", "kv_cache_type", "type_k"),
    "models.context.cache_type_v": ("ctv", "type_v"),
    "models.device.gpu_layers": ("gpu", "gpus", "n_gpu_layers", "ngl", "num_gpu", "num_gpu_layers"),
    "models.device.threads": ("n_threads", "num_thread", "num_threads", "t"),
    "models.device.threads_batch": ("n_threads_batch", "tb"),
    "models.device.main_gpu": ("gpu_id", "mg"),
    "models.device.tensor_split": ("ts",),
    "models.device.split_mode": ("sm",),
    "models.speculative.draft": ("draft_model", "md", "model_draft", "speculative_model"),
    "models.speculative.max_tokens": ("draft_max", "num_draft", "num_speculative_tokens"),
    "models.defaults.temperature": ("temp",),
    "models.defaults.max_tokens": (
        "max_completion_tokens", "max_new_tokens", "max_output_tokens", "n_predict", "num_predict",
    ),
    "models.defaults.system": ("instructions", "system_message", "system_prompt"),
    "models.defaults.stop": ("stop_sequences", "stop_strings", "stops"),
    "models.upstream.base_url": ("api_base", "base_url", "endpoint", "proxy", "url"),
}  # fmt: skip

_OF_SERVER: dict[str, tuple[str, ...]] = {
    "server.host": ("address", "bind", "host", "hostname", "listen"),
    "server.port": ("http_port", "port"),
    "server.api_keys": ("api_key", "api_tokens", "apikeys", "auth", "key", "keys", "password", "token"),
    "server.memory_budget": ("max_memory", "memory_limit", "ram", "vram"),
    "server.max_loaded_models": ("max_loaded", "max_models", "models_max"),
    "server.keep_alive": ("global_ttl", "globalttl", "idle_timeout", "keep_alive", "ttl"),
    "default_model_id": ("default", "default_model"),
}

# Texts that are keys of several tables here: what is meant depends on where they stand.
_FROM_MODELS = {word: key for key, words in _OF_MODELS.items() for word in words}
_FROM_SERVER = {word: key for key, words in _OF_SERVER.items() for word in words}


def words() -> set[tuple[str, str]]:
    """Every foreign word with our dotted key for it."""
    return {*_FROM_MODELS.items(), *_FROM_SERVER.items()}


def foreign(path: tuple[str, ...]) -> str | None:
    """Our dotted key for the one at `path` (without indices), if it is another server's word; else None."""
    word = path[-1].lower().replace("-", "_").lstrip("_")
    if path[0] == "models":
        return _FROM_MODELS.get(word)
    if len(path) > 1 and path[0] not in ("server", "global"):
        return None
    return _FROM_SERVER.get(word) or _FROM_MODELS.get(word)

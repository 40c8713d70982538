"""Options of llama-server, as a command line or a preset has them, in our keys.

Source: `common/arg.cpp` of llama.cpp (its README's table of options).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from lsrv.config.importing.imported import Imported, put
from lsrv.config.layer import RawTable, as_table

_SHORT = {
    "m": "model", "c": "ctx-size", "ngl": "n-gpu-layers", "gpu-layers": "n-gpu-layers", "np": "parallel",
    "n-parallel": "parallel", "t": "threads", "tb": "threads-batch", "b": "batch-size", "ub": "ubatch-size",
    "fa": "flash-attn", "ctk": "cache-type-k", "ctv": "cache-type-v", "ts": "tensor-split", "sm": "split-mode",
    "mg": "main-gpu", "hf": "hf-repo", "hfr": "hf-repo", "hff": "hf-file", "a": "alias", "n": "predict",
    "n-predict": "predict", "md": "model-draft", "s": "seed", "cb": "cont-batching", "mm": "mmproj",
    "temperature": "temp", "embeddings": "embedding", "rerank": "reranking", "draft": "draft-max",
    "draft-n": "draft-max", "cram": "cache-ram", "to": "timeout", "lv": "verbosity", "v": "verbose", "fit": "fit",
}  # fmt: skip
# What lsrv does anyway, or what is about a process of llama-server's own.
_SAID_ANYWAY = frozenset(
    {"jinja", "cont-batching", "metrics", "slots", "props", "no-webui", "webui", "no-slots", "log-disable", "log-file",
     "log-colors", "log-prefix", "log-timestamps", "verbose", "verbosity", "warmup", "no-warmup", "no-context-shift",
     "mmap", "cache-prompt", "kv-unified", "no-kv-unified", "fit", "version"}
)  # fmt: skip
_FLAGS = _SAID_ANYWAY - {"log-file", "verbosity", "log-colors", "fit", "version"} | {
    "embedding", "reranking", "context-shift", "mlock", "no-mmap", "no-repack", "no-kv-offload", "swa-full", "offline",
    "no-mmproj", "no-jinja", "cpu-moe", "no-cont-batching", "no-perf", "special", "no-cache-prompt",
}  # fmt: skip
_TRUE, _FALSE = frozenset({"1", "true", "on", "yes", "enabled"}), frozenset({"0", "false", "off", "no", "disabled"})


class _NoValueError(ValueError):
    """What stands there is no value of that option."""


def split_options(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(long name, value) of each option of a command line; None for one that stands alone."""
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            yield "", word
            continue
        name, has_value, value = word.lstrip("-").partition("=")
        name = long_name(name)
        is_alone = name in _FLAGS or not rest or _is_option(rest[0])
        if has_value:
            yield name, value
        elif is_alone and not (name == "flash-attn" and rest and rest[0] in ("on", "off", "auto")):
            yield name, None
        else:
            yield name, rest.pop(0)


def long_name(name: str) -> str:
    """The one name of an option: of a short one, of one in an environment's words (LLAMA_ARG_CTX_SIZE)."""
    name = name.removeprefix("LLAMA_ARG_").lower().replace("_", "-") if name.isupper() else name
    return _SHORT.get(name, name)


def _is_option(word: str) -> bool:
    return word.startswith("-") and not re.fullmatch(r"-[\d.]+", word)


def carry_option(imported: Imported, who: str, entry: RawTable, name: str, value: str | None) -> None:
    """Put one option of the entry `who` where it belongs, or tell that it has no place."""
    if name in _SAID_ANYWAY:
        return
    if name in ("host", "port", "api-key", "ssl-key-file", "ssl-cert-file", "api-prefix", "timeout"):
        imported.leave(f"{who}: --{name}", "it is the server's; see [server]")
        return
    try:
        if name == "":
            raise _NoValueError
        if (special := _SPECIAL.get(name)) is not None:
            special(entry, value or "")
        elif (plain := _PLAIN.get(name)) is not None:
            key, convert = plain
            if (converted := convert(value or "")) is not None:
                put(entry, key, converted)
        else:
            imported.leave(f"{who}: --{name}", "lsrv has no such setting")
    except ValueError:
        imported.leave(f"{who}: {f'--{name} ' if name else ''}{value}", "can't be read")


def finish_entry(imported: Imported, who: str, entry: RawTable) -> None:
    """What several options mean together: llama-server's context is shared out among its slots."""
    context = as_table(entry.get("context"))
    length, slots = context.get("context_length"), context.get("slots")
    if isinstance(length, int) and isinstance(slots, int) and slots > 1:
        context["context_length"] = length // slots
        imported.leave(
            f"{who}: --ctx-size {length}",
            f"llama-server shares it among {slots} slots: here it is {length // slots} each",
        )


def _int(text: str) -> int | None:
    number = int(text)
    return number if number > 0 else None


def _layers(text: str) -> int | str | None:
    if text in ("all", "auto"):
        return text
    number = int(text)
    return "auto" if number < 0 else "all" if number >= 99 else number


def _context(text: str) -> int | str:
    return int(text) or "auto"


def _shares(text: str) -> list[float]:
    return [float(share) for share in re.split("[,/]", text) if share]


def _switch(text: str) -> str:
    if text == "auto":
        return text
    return "off" if text in _FALSE else "on"


def _yes(text: str) -> bool | None:
    return None if text in _FALSE else True


def _seed(text: str) -> int | None:
    return int(text) if int(text) >= 0 else None


def _mib(text: str) -> str | int | None:
    return None if int(text) < 0 else f"{int(text)}MiB"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


_PLAIN: dict[str, tuple[str, Callable[[str], object]]] = {
    "model": ("model_id", str),
    "hf-file": ("format.quantized_file", lambda text: [text]),
    "ctx-size": ("context.context_length", _context),
    "parallel": ("context.slots", _int),
    "batch-size": ("context.batch_size", _int),
    "ubatch-size": ("context.ubatch_size", _int),
    "flash-attn": ("context.flash_attention", _switch),
    "cache-type-k": ("context.cache_type_k", str),
    "cache-type-v": ("context.cache_type_v", str),
    "cache-ram": ("context.cache_ram", _mib),
    "context-shift": ("context.context_shift", _yes),
    "pooling": ("context.pooling", str),
    "rope-scaling": ("context.rope_scaling", str),
    "rope-freq-base": ("context.rope_freq_base", float),
    "rope-freq-scale": ("context.rope_freq_scale", float),
    "n-gpu-layers": ("device.gpu_layers", _layers),
    "threads": ("device.threads", _int),
    "threads-batch": ("device.threads_batch", _int),
    "main-gpu": ("device.main_gpu", int),
    "tensor-split": ("device.tensor_split", _shares),
    "split-mode": ("device.split_mode", str),
    "rpc": ("device.rpc", _words),
    "temp": ("defaults.temperature", float),
    "top-k": ("defaults.top_k", int),
    "top-p": ("defaults.top_p", float),
    "min-p": ("defaults.min_p", float),
    "predict": ("defaults.max_tokens", _int),
    "seed": ("defaults.seed", _seed),
    "chat-template-file": ("chat_template", str),
    "load-on-startup": ("preload", _yes),
    "draft-max": ("speculative.max_tokens", _int),
}


def _put_repo(entry: RawTable, value: str) -> None:
    """OWNER/NAME[:QUANT]."""
    repo, _, quant = value.partition(":")
    entry["model_id"] = repo
    if quant and quant != "latest":
        put(entry, "quantization.quant", quant)


def _put_aliases(entry: RawTable, value: str) -> None:
    known = entry.get("alias")
    before: list[str] = [str(each) for each in known] if isinstance(known, list) else []
    entry["alias"] = list(dict.fromkeys([*before, *_words(value)]))


def _put_kind(kind: str) -> Callable[[RawTable, str], None]:
    def put_kind(entry: RawTable, value: str) -> None:
        if value not in _FALSE:
            entry["kind"] = kind

    return put_kind


def _put_template(entry: RawTable, value: str) -> None:
    entry["chat_template" if "{" in value else "chat_template_name"] = value


def _put_draft(entry: RawTable, value: str) -> None:
    put(entry, "speculative.mode", "draft")
    put(entry, "speculative.draft", value)


def _put_lora(entry: RawTable, value: str) -> None:
    """FILE, FILE:SCALE, and several of them with commas; all of them apply, as there."""
    adapters: list[RawTable] = []
    for each in _words(value):
        found = re.fullmatch(r"(.+?)(?::(-?[\d.]+))?", each)
        assert found is not None  # any text has that form
        name = re.sub(r"[^\w.-]", "-", found[1].rpartition("/")[2].removesuffix(".gguf"))
        weight: RawTable = {"weight": float(found[2])} if found[2] else {}
        adapters.append({"name": name, "source": found[1], **weight, "default": True})
    known = entry.get("adapters")
    entry["adapters"] = [*known, *adapters] if isinstance(known, list) else adapters


_SPECIAL: dict[str, Callable[[RawTable, str], None]] = {
    "hf-repo": _put_repo,
    "alias": _put_aliases,
    "embedding": _put_kind("embedding"),
    "reranking": _put_kind("rerank"),
    "chat-template": _put_template,
    "model-draft": _put_draft,
    "lora": _put_lora,
    "lora-scaled": _put_lora,
}

"""What a saved state depends on: the weights, the settings of the context, the build."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from lsrv.file_digest import FileStamp, sampled_digest, stamp_of
from lsrv.protocol.commands import LoadParams

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")

# Where a model is, who asks, and how much is computed at once change no cell beyond rounding.
# The number of slots does: a state of split KV names it (llama_kv_cache::state_read: "n_stream mismatch").
_WITHOUT_EFFECT = {
    "model_path",
    "n_batch",
    "n_ubatch",
    "n_prefill",
    "n_gpu_layers",
    "n_cpu_moe",
    "split_mode",
    "main_gpu",
    "tensor_split",
    "n_threads",
    "n_threads_batch",
    "chat_template",
    "chat_template_name",
    "has_control_in_text",
    "cache_ram_bytes",
    "cache_disk_bytes",
    "cache_folder",
}


def stamps_of(params: LoadParams) -> tuple[FileStamp, ...]:
    """The files of the weights as they are now, before they are loaded. Raises OSError if one can't be read."""
    return tuple(stamp_of(path) for path in shards(Path(params.model_path)))


def fingerprint(params: LoadParams, weights: Iterable[FileStamp], build: str) -> str:
    """A name for all loads whose states can be exchanged. Reads 5 MiB of each file.

    Raises OSError if the weights can't be read, or are not what they were when they were loaded.
    """
    settings = {
        name: value
        for name, value in msgspec.to_builtins(params).items()
        if name not in _WITHOUT_EFFECT and not name.startswith("adapter")
    }
    digest = hashlib.sha256(msgspec.json.encode([build, settings], order="sorted"))
    for stamp in weights:
        digest.update(sampled_digest(stamp).encode())
    return digest.hexdigest()[:32]


def shards(path: Path) -> list[Path]:
    """All files of a model, by the name of its first one."""
    match = _SHARD.search(path.name)
    if match is None:
        return [path]
    stem = path.name[: match.start()]
    return [path.with_name(f"{stem}-{number:05d}-of-{match[2]}.gguf") for number in range(1, int(match[2]) + 1)]
